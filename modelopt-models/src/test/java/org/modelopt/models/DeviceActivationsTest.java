package org.modelopt.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.modelopt.compute.Backend;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.Backends;
import org.modelopt.compute.Precision;
import org.modelopt.config.Config;
import org.modelopt.data.SampleSet;
import org.modelopt.job.JobOptions;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.quantize.Calibration;
import org.modelopt.quantize.QuantizedModel;

/** A device that keeps activations, all of them or some, decides what one without memory does. */
class DeviceActivationsTest {
  private static final JobOptions OPTIONS =
      JobOptions.defaults().withThreads(2).withPrecision(Precision.FLOAT32);

  /** The CPU with memory of its own for activations; counts what layers left in it. */
  private static Backend withMemory(Backend cpu, long bytes, AtomicInteger kept) {
    return (Backend)
        Proxy.newProxyInstance(
            Backend.class.getClassLoader(),
            new Class<?>[] {Backend.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("activationBytes")) {
                return bytes;
              }
              if (method.getName().equals("copyRows")) {
                kept.incrementAndGet();
              }
              try {
                return method.invoke(cpu, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  private static String decisions(
      Path directory, Config config, Backend backend, JobOptions options) {
    try (HfModel model = Models.load(directory)) {
      SampleSet samples = PocketJob.samples(4, 0).read(model.textEncoder());
      List<QuantizedModel> quantized =
          new Calibration(model, config, options).run(Optional.of(samples), backend);
      return PocketJob.text(quantized);
    }
  }

  @Test
  void theSameIsDecidedWhereverActivationsAre(@TempDir Path temporary) {
    Path directory = PocketModel.extract(temporary.resolve("pocket"));
    try (Backend cpu = Backends.open("cpu", BackendOptions.defaults().withThreads(2))) {
      String expected = decisions(directory, Config.NVFP4_DEFAULT, cpu, OPTIONS);
      for (long bytes : new long[] {1 << 16, 1 << 30}) {
        AtomicInteger kept = new AtomicInteger();
        Backend device = withMemory(cpu, bytes, kept);
        assertEquals(expected, decisions(directory, Config.NVFP4_DEFAULT, device, OPTIONS));
        assertTrue(kept.get() > 0, "nothing was kept with " + bytes);
        Path job = temporary.resolve("job-" + bytes);
        assertEquals(
            expected,
            decisions(directory, Config.NVFP4_DEFAULT, device, OPTIONS.withJobDirectory(job)));
      }
    }
  }

  /** Candidates are compared in the memory of the device, by operations that work anywhere. */
  @ParameterizedTest
  @ValueSource(strings = {"INT4_AWQ", "NVFP4_AWQ_LITE"})
  void searchesOnADeviceFindWhatTheHostFinds(String preset, @TempDir Path temporary) {
    Path directory = PocketModel.extract(temporary.resolve("pocket"));
    try (Backend cpu = Backends.open("cpu", BackendOptions.defaults().withThreads(2))) {
      Config config = Config.preset(preset);
      assertEquals(
          decisions(directory, config, cpu, OPTIONS),
          decisions(directory, config, withMemory(cpu, 1 << 30, new AtomicInteger()), OPTIONS));
    }
  }
}
