package org.modelopt.compute.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
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

  @Test
  void sizesOfBuffersWasteAtMostAFifth() {
    assertEquals(512, DevicePool.roundUp(0));
    assertEquals(512, DevicePool.roundUp(512));
    assertEquals(768, DevicePool.roundUp(513));
    assertEquals(1 << 20, DevicePool.roundUp(1 << 20));
    assertEquals(5 << 18, DevicePool.roundUp((1 << 20) + 1));
  }
}
