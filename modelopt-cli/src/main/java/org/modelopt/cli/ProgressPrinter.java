package org.modelopt.cli;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.function.LongSupplier;
import org.modelopt.job.Progress;

/**
 * Shows progress: one line that is rewritten in place on a terminal, a line at each tenth of a
 * phase otherwise. Times are measured from the first unit of a phase.
 */
final class ProgressPrinter implements Progress.Listener {
  private static final long REDRAW_NANOS = 100_000_000;
  private static final int BAR_WIDTH = 24;

  private final PrintWriter out;
  private final boolean terminal;
  private final LongSupplier nanoTime;
  private String phase = "";
  private long phaseStart;
  private long doneAtStart;
  private long lastDrawn;
  private long lastTenth;
  private int lineLength;

  ProgressPrinter(PrintWriter out, boolean terminal) {
    this(out, terminal, System::nanoTime);
  }

  ProgressPrinter(PrintWriter out, boolean terminal, LongSupplier nanoTime) {
    this.out = out;
    this.terminal = terminal;
    this.nanoTime = nanoTime;
  }

  @Override
  public void update(Progress progress) {
    long now = nanoTime.getAsLong();
    if (!progress.phase().equals(phase)) {
      phase = progress.phase();
      phaseStart = now;
      doneAtStart = progress.done();
      lastDrawn = now - REDRAW_NANOS;
      lastTenth = 0;
    }
    boolean finished = progress.done() >= progress.total();
    if (terminal) {
      if (finished || now - lastDrawn >= REDRAW_NANOS) {
        lastDrawn = now;
        redraw(bar(progress) + text(progress, now), finished);
      }
      return;
    }
    long tenth = progress.total() == 0 ? 10 : 10 * progress.done() / progress.total();
    if (tenth > lastTenth || finished) {
      lastTenth = finished ? Long.MAX_VALUE : tenth;
      out.println(text(progress, now));
      out.flush();
    }
  }

  private void redraw(String line, boolean finished) {
    int padding = Math.max(0, lineLength - line.length());
    out.print("\r" + line + " ".repeat(padding));
    lineLength = line.length();
    if (finished) {
      out.println();
      lineLength = 0;
    }
    out.flush();
  }

  private static String bar(Progress progress) {
    long full = progress.total() == 0 ? BAR_WIDTH : BAR_WIDTH * progress.done() / progress.total();
    return "█".repeat((int) full) + "░".repeat(BAR_WIDTH - (int) full) + " ";
  }

  private String text(Progress progress, long now) {
    double seconds = (now - phaseStart) / 1e9;
    double rate = seconds > 0 ? (progress.done() - doneAtStart) / seconds : 0;
    double percent = progress.total() == 0 ? 100 : 100.0 * progress.done() / progress.total();
    String time =
        progress.done() >= progress.total()
            ? "in " + duration(seconds)
            : rate > 0 ? duration((progress.total() - progress.done()) / rate) + " left" : "";
    return String.format(
        Locale.ROOT,
        "%s %3.0f%%  %s  %s  %s",
        progress.phase(),
        percent,
        rate(rate, progress.unit()),
        time,
        progress.detail());
  }

  private static String rate(double perSecond, String unit) {
    if (unit.equals("bytes")) {
      return String.format(Locale.ROOT, "%.0f MB/s", perSecond / 1e6);
    }
    return String.format(Locale.ROOT, perSecond < 10 ? "%.1f %s/s" : "%.0f %s/s", perSecond, unit);
  }

  static String duration(double seconds) {
    long whole = Math.round(seconds);
    if (whole < 60) {
      return whole + " s";
    }
    return whole < 3600
        ? "%d:%02d min".formatted(whole / 60, whole % 60)
        : "%d:%02d h".formatted(whole / 3600, whole % 3600 / 60);
  }
}
