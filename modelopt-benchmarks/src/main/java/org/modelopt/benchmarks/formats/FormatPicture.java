package org.modelopt.benchmarks.formats;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.SortedSet;
import java.util.TreeSet;
import org.modelopt.benchmarks.Usage;
import org.modelopt.formats.codec.FloatCodec;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.NumberFormat;

/**
 * Draws the values of the number formats as marks on a line from minus to plus their largest value.
 *
 * <p>Argument: the SVG file to write.
 */
public final class FormatPicture {
  private static final List<NumberFormat> FORMATS =
      List.of(
          FloatFormat.E2M1,
          IntFormat.INT4,
          CodebookFormat.NF4,
          FloatFormat.E2M3,
          FloatFormat.E3M2,
          FloatFormat.E4M3,
          FloatFormat.E5M2,
          IntFormat.INT8);
  private static final int LEFT = 70;
  private static final int WIDTH = 800;
  private static final int ROW = 34;

  private FormatPicture() {}

  /** Writes the picture. */
  public static void main(String[] args) throws IOException {
    Usage.check(args, "FILE");
    Files.writeString(Path.of(args[0]), svg(), StandardCharsets.UTF_8);
  }

  private static String svg() {
    int height = FORMATS.size() * ROW + 30;
    StringBuilder svg = new StringBuilder();
    svg.append(
        format(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                + "font-family=\"sans-serif\" font-size=\"12\">\n",
            LEFT + WIDTH + 20, height));
    svg.append("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
    for (int i = 0; i < FORMATS.size(); i++) {
      row(svg, FORMATS.get(i), 24 + i * ROW);
    }
    svg.append(label(LEFT, height - 8, "-max"));
    svg.append(label(LEFT + WIDTH / 2 - 3, height - 8, "0"));
    svg.append(label(LEFT + WIDTH - 24, height - 8, "max"));
    return svg.append("</svg>\n").toString();
  }

  private static void row(StringBuilder svg, NumberFormat numbers, int y) {
    svg.append(label(8, y + 4, numbers.name()));
    svg.append(
        format(
            "<path d=\"M%d %dH%d\" stroke=\"#bbb\"/>\n<path stroke=\"#1f5fa8\" d=\"",
            LEFT, y, LEFT + WIDTH));
    double max = numbers.maxFinite();
    for (double value : values(numbers)) {
      double x = LEFT + (Math.max(-1, value / max) + 1) / 2 * WIDTH;
      svg.append(format("M%.1f %dv16", x, y - 8));
    }
    svg.append("\"/>\n");
  }

  private static SortedSet<Double> values(NumberFormat numbers) {
    SortedSet<Double> values = new TreeSet<>();
    switch (numbers) {
      case FloatFormat f -> {
        for (int code = 0; code <= FloatCodec.maxCode(f); code++) {
          values.add((double) FloatCodec.decode(f, code));
          values.add(-(double) FloatCodec.decode(f, code));
        }
      }
      case IntFormat f -> {
        for (int k = f.min(); k <= f.max(); k++) {
          values.add((double) k);
        }
      }
      case CodebookFormat f -> f.levels().forEach(level -> values.add((double) level));
    }
    return values;
  }

  private static String label(int x, int y, String text) {
    return format("<text x=\"%d\" y=\"%d\">%s</text>\n", x, y, text);
  }

  private static String format(String pattern, Object... arguments) {
    return String.format(Locale.ROOT, pattern, arguments);
  }
}
