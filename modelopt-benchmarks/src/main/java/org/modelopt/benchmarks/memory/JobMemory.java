package org.modelopt.benchmarks.memory;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Locale;
import org.modelopt.ModelOpt;
import org.modelopt.benchmarks.Usage;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.export.Exports;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.quantize.QuantizedModel;

/**
 * Quantizes a checkpoint as the command does and prints what memory that took: the peaks of
 * resident memory, of its two parts (anonymous: heap, buffers, code; mapped files: weights), and of
 * the Java heap. Reads {@code /proc}, so it needs Linux.
 *
 * <p>Arguments: checkpoint made by {@link RandomLlama}, output directory, preset, rows, tokens of
 * each row.
 */
public final class JobMemory {
  private JobMemory() {}

  /** Runs the job. */
  public static void main(String[] args) throws IOException {
    Usage.check(args, "MODEL DIRECTORY PRESET ROWS TOKENS");
    Path checkpoint = Path.of(args[0]);
    Config config = Config.preset(args[2]);
    CalibrationData data =
        CalibrationData.tokenRows(checkpoint.resolve("input_ids.safetensors"))
            .samples(Integer.parseInt(args[3]))
            .maxLength(Integer.parseInt(args[4]));
    PrintStream out = System.out;
    long start = System.nanoTime();
    try (ResidentMemory memory = ResidentMemory.watch();
        HfModel model = Models.load(checkpoint)) {
      QuantizedModel quantized = ModelOpt.quantize(model, config, data);
      report(out, "calibrated", memory, start);
      Exports.huggingFace(quantized).with(JobOptions.defaults()).to(Path.of(args[1]));
      report(out, "exported", memory, start);
    }
  }

  private static void report(PrintStream out, String what, ResidentMemory memory, long start) {
    ResidentMemory.Peaks peaks = memory.peaks();
    out.printf(
        Locale.ROOT,
        "%-10s after %4.0f s: resident %,d MB at most; anonymous %,d, mapped files %,d, heap %,d%n",
        what,
        (System.nanoTime() - start) / 1e9,
        peaks.residentBytes() >> 20,
        peaks.anonymousBytes() >> 20,
        peaks.mappedBytes() >> 20,
        peaks.heapBytes() >> 20);
  }
}
