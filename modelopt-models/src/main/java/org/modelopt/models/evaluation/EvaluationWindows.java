package org.modelopt.models.evaluation;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.modelopt.data.CalibrationData;
import org.modelopt.data.TextEncoder;
import org.modelopt.error.DataException;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Cuts text into the windows that perplexity is measured over. */
public final class EvaluationWindows {
  private EvaluationWindows() {}

  /**
   * Full windows from the start of a text: it is encoded whole without special tokens, cut into
   * runs of {@code length - 1} tokens, and each run gets {@code beginOfText} put in front. What is
   * left over at the end is dropped.
   *
   * @param length tokens of a window, the begin of text included; at least 2
   * @param most windows to make at most
   * @throws DataException if the text is too short for one window
   */
  public static List<Tensor> ofText(
      String text, TextEncoder encoder, int beginOfText, int length, int most) {
    if (length < 2 || most < 1) {
      throw new IllegalArgumentException(
          "windows need at least 2 tokens, and there must be one: %d, %d".formatted(length, most));
    }
    int[] ids = encoder.encode(text, false);
    int step = length - 1;
    List<Tensor> windows = new ArrayList<>();
    for (int from = 0; from + step <= ids.length && windows.size() < most; from += step) {
      int[] window = new int[length];
      window[0] = beginOfText;
      System.arraycopy(ids, from, window, 1, step);
      windows.add(Tensor.ofInts(Arena.ofAuto(), Shape.of(length), window));
    }
    if (windows.isEmpty()) {
      throw new DataException(
          "the text has %d tokens, too few for one window of %d; give more text or shorter windows"
              .formatted(ids.length, step));
    }
    return windows;
  }

  /**
   * The rows of {@code input_ids} in a safetensors file, each a window of its own.
   *
   * @throws DataException if the file cannot be used
   */
  public static List<Tensor> ofRows(Path file) {
    return CalibrationData.tokenRows(file)
        .samples(Integer.MAX_VALUE)
        .read(Optional.empty())
        .samples();
  }
}
