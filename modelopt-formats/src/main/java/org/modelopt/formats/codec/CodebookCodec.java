package org.modelopt.formats.codec;

import java.util.List;
import org.modelopt.numeric.CodebookFormat;

/** Codes that index a list of levels. NaN becomes the level nearest to zero. */
public final class CodebookCodec {
  private CodebookCodec() {}

  /** The code of the level nearest to {@code x}; ties go to the lower level. */
  public static int encode(CodebookFormat format, float x) {
    float value = Float.isNaN(x) ? 0 : x;
    int code = 0;
    while (code < format.levels().size() - 1 && value > middle(format, code)) {
      code++;
    }
    return code;
  }

  /**
   * One of the two codes around {@code x}, the upper with a probability of the distance from the
   * lower level over the distance of the levels.
   *
   * @param u uniform in [0, 1)
   */
  public static int encodeStochastic(CodebookFormat format, float x, double u) {
    if (Float.isNaN(x)) {
      return encode(format, x);
    }
    List<Float> levels = format.levels();
    int code = 0;
    while (code < levels.size() - 1 && x >= levels.get(code + 1)) {
      code++;
    }
    if (code == levels.size() - 1 || x <= levels.get(code)) {
      return code;
    }
    double distance = ((double) x - levels.get(code)) / (levels.get(code + 1) - levels.get(code));
    return distance + u >= 1 ? code + 1 : code;
  }

  /** The level of {@code code}; bits above the format's width are ignored. */
  public static float decode(CodebookFormat format, int code) {
    return format.levels().get(code & (format.levels().size() - 1));
  }

  /** The number halfway between the levels of {@code code} and of the next code, exactly. */
  public static double middle(CodebookFormat format, int code) {
    return ((double) format.levels().get(code) + format.levels().get(code + 1)) / 2;
  }
}
