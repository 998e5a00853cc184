package org.modelopt.config;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.NumberFormat;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.numeric.ScaleRule;

/**
 * Any format as one line of text: a name of {@link SpecNames}, or element, sharing, scale format
 * and scale rule separated by slashes, for example {@code E2M1/block 32/E8M0/POWER_FLOOR} and, with
 * {@code /dynamic} at its end, the same with scales computed as inputs come.
 */
public final class SpecText {
  private static final List<FloatFormat> FLOATS =
      List.of(
          FloatFormat.E4M3, FloatFormat.E5M2, FloatFormat.E3M2, FloatFormat.E2M3, FloatFormat.E2M1);

  private static final String EXPECTED =
      "expected a format's name or ELEMENT/SHARING/SCALE_FORMAT/SCALE_RULE[/dynamic]";

  private SpecText() {}

  /**
   * {@code spec} as text.
   *
   * @throws IllegalArgumentException if its elements are levels of a codebook, which have no text
   */
  public static String write(QuantSpec spec) {
    return SpecNames.of(spec).orElseGet(() -> parts(spec));
  }

  private static String parts(QuantSpec spec) {
    List<String> parts =
        new ArrayList<>(
            List.of(
                element(spec.format()),
                sharing(spec.granularity()),
                spec.scaleFormat().name(),
                spec.scaleRule().name()));
    if (spec.dynamic()) {
      parts.add("dynamic");
    }
    return String.join("/", parts);
  }

  private static String element(NumberFormat format) {
    if (format instanceof FloatFormat number && FLOATS.contains(number)) {
      return number.name();
    }
    if (format instanceof IntFormat number) {
      return number.name() + (number.range() == IntFormat.Range.NARROW ? "_NARROW" : "");
    }
    throw new IllegalArgumentException(format.name() + " has no text form");
  }

  private static String sharing(Granularity granularity) {
    return switch (granularity) {
      case Granularity.PerTensor tensor -> "tensor";
      case Granularity.PerChannel channel -> "channel";
      case Granularity.PerToken token -> "token";
      case Granularity.Block block -> "block " + block.size();
      case Granularity.Block2d tile -> "tile " + tile.rows() + "x" + tile.columns();
    };
  }

  /**
   * The format that {@code text} stands for.
   *
   * @throws IllegalArgumentException if it stands for none; the message says what is allowed
   */
  public static QuantSpec read(String text) {
    if (text.indexOf('/') < 0) {
      return SpecNames.get(text);
    }
    List<String> parts = Arrays.asList(text.split("/", -1));
    boolean dynamic = parts.size() == 5 && parts.get(4).equals("dynamic");
    if (parts.size() != 4 && !dynamic) {
      throw new IllegalArgumentException("\"" + text + "\" is no format; " + EXPECTED);
    }
    return new QuantSpec(
        readElement(parts.get(0)),
        readSharing(parts.get(1)),
        constant(ScaleFormat.class, parts.get(2)),
        constant(ScaleRule.class, parts.get(3)),
        dynamic);
  }

  private static NumberFormat readElement(String text) {
    return Stream.concat(FLOATS.stream().map(NumberFormat.class::cast), integers())
        .filter(format -> element(format).equals(text))
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "no element format \"%s\"; allowed: E4M3, E5M2, E3M2, E2M3, E2M1, INT2 to INT8, INT2_NARROW to INT8_NARROW, UINT2 to UINT8"
                    .formatted(text)));
  }

  private static Stream<NumberFormat> integers() {
    return java.util.stream.IntStream.rangeClosed(2, 8)
        .boxed()
        .flatMap(bits ->
            Arrays.stream(IntFormat.Range.values()).map(range -> new IntFormat(bits, range)));
  }

  private static Granularity readSharing(String text) {
    try {
      if (text.startsWith("block ")) {
        return Granularity.block(Integer.parseInt(text.substring("block ".length())));
      }
      if (text.startsWith("tile ")) {
        String[] sizes = text.substring("tile ".length()).split("x", 2);
        return Granularity.block2d(
            Integer.parseInt(sizes[0]), Integer.parseInt(sizes.length > 1 ? sizes[1] : ""));
      }
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("\"" + text + "\" needs whole numbers: block 32", e);
    }
    return switch (text) {
      case "tensor" -> Granularity.perTensor();
      case "channel" -> Granularity.perChannel();
      case "token" -> Granularity.perToken();
      default ->
          throw new IllegalArgumentException(
              "no sharing of scales \"%s\"; allowed: tensor, channel, token, block N, tile RxC"
                  .formatted(text));
    };
  }

  static <E extends Enum<E>> E constant(Class<E> type, String text) {
    List<String> names = Arrays.stream(type.getEnumConstants()).map(Enum::name).toList();
    if (!names.contains(text)) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is not allowed; " + Nearest.suggestion(text, names));
    }
    return Enum.valueOf(type, text);
  }
}
