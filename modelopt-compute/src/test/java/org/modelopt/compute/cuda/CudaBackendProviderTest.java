package org.modelopt.compute.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.modelopt.compute.Backend;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.Backends;
import org.modelopt.error.DeviceException;

/** What happens where there is no GPU. */
class CudaBackendProviderTest {
  private static final BackendOptions OPTIONS = new BackendOptions(0, 1);

  @Test
  void withoutDriverTheGpuIsRefusedAndTheCpuServes() {
    assumeFalse(Files.exists(Path.of("/dev/nvidiactl")), "there is a GPU");
    for (int attempt = 0; attempt < 2; attempt++) {
      DeviceException e = assertThrows(DeviceException.class, () -> Backends.open("cuda", OPTIONS));
      assertTrue(e.getMessage().contains("driver"), e.getMessage());
    }
    try (Backend backend = Backends.open(OPTIONS)) {
      assertTrue(backend.description().startsWith("CPU"), backend.description());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "cpu:1 | there is no device cpu:1",
        "cuda:x | no device \"cuda:x\"; after the colon",
        "cuda: | no device \"cuda:\"; after the colon",
        "cuda:-1 | no device \"cuda:-1\"",
        "tpu:0 | no backend \"tpu:0\"; there are: [cuda, cpu]",
      })
  void devicesThatAreNoneAreRefused(String name, String message) {
    DeviceException e = assertThrows(DeviceException.class, () -> Backends.open(name, OPTIONS));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  @Test
  void aDeviceIsChosenByItsNumber() {
    try (Backend backend = Backends.open("cpu:0", new BackendOptions(3, 1))) {
      assertTrue(backend.description().startsWith("CPU"), backend.description());
    }
    assumeFalse(Files.exists(Path.of("/dev/nvidiactl")), "there is a GPU");
    DeviceException e = assertThrows(DeviceException.class, () -> Backends.open("cuda:1", OPTIONS));
    assertTrue(e.getMessage().contains("driver"), e.getMessage());
  }

  @Test
  void sizesOfBuffersWasteAtMostAFifth() {
    assertEquals(512, DevicePool.roundUp(0));
    assertEquals(512, DevicePool.roundUp(512));
    assertEquals(768, DevicePool.roundUp(513));
    assertEquals(1 << 20, DevicePool.roundUp(1 << 20));
    assertEquals(5 << 18, DevicePool.roundUp((1 << 20) + 1));
  }
}
