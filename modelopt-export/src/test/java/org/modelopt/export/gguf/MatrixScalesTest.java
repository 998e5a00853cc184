package org.modelopt.export.gguf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.data.CalibrationData;
import org.modelopt.export.gguf.importance.Importance;
import org.modelopt.export.gguf.importance.ImportanceMatrix;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.pocket.PocketModel;

class MatrixScalesTest {
  @TempDir private Path directory;

  @Test
  void scalesArePowersOfTwoThatKeepBlockScalesBelow240() {
    for (float amax : new float[] {1e-20f, 0.02f, 0.05f, 1, 1440, 1441, 3e4f}) {
      float scale = MatrixScales.scale(amax);
      assertEquals(Math.scalb(1f, Math.getExponent(scale)), scale);
      float largest = amax / scale / 6;
      assertTrue(largest <= 240 && largest > 119, amax + " gives " + largest);
    }
    assertEquals(1, MatrixScales.scale(0));
  }

  @Test
  void importanceComesFromText() {
    PocketModel.extract(directory.resolve("model"));
    try (HfModel model = Models.load(directory.resolve("model"))) {
      CalibrationData data = model.bundledCalibrationData().orElseThrow().samples(2).maxLength(32);
      ImportanceMatrix matrix = Importance.of(model, data, JobOptions.defaults());
      assertEquals(4 * 7, matrix.entries().size());
      ImportanceMatrix.Entry query = matrix.find("blk.0.attn_q.weight").orElseThrow();
      assertEquals(query, matrix.find("blk.0.attn_k.weight").orElseThrow());
      assertEquals(128, query.sums().size());
      float tokens = query.counts().getFirst();
      assertTrue(tokens > 0 && tokens <= 64, "tokens: " + tokens);
      GgufResult plain =
          GgufExport.of(directory.resolve("model"))
              .type(GgufType.Q4_K_M)
              .to(directory.resolve("plain.gguf"));
      GgufResult weighted =
          GgufExport.of(directory.resolve("model"))
              .type(GgufType.Q4_K_M)
              .importance(matrix)
              .to(directory.resolve("weighted.gguf"));
      assertTrue(plain.report().passed() && weighted.report().passed());
    }
  }
}
