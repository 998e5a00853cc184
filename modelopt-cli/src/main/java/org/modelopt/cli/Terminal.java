package org.modelopt.cli;

import java.io.PrintWriter;
import org.modelopt.job.Progress;
import picocli.CommandLine.Model.CommandSpec;

/** Where a command prints: results to standard output, progress to standard error. */
record Terminal(PrintWriter out, PrintWriter err) {
  static Terminal of(CommandSpec spec) {
    return new Terminal(spec.commandLine().getOut(), spec.commandLine().getErr());
  }

  /** Progress on standard error: a bar if it is a terminal, plain lines if not. */
  Progress.Listener progress() {
    return new ProgressPrinter(err, isTerminal());
  }

  /** No progress, for output that machines read. */
  Progress.Listener progress(boolean quiet) {
    return quiet ? Progress.Listener.NONE : progress();
  }

  private static boolean isTerminal() {
    // The launcher knows whether standard error is one; Java only knows of input and output.
    return Boolean.getBoolean("modelopt.terminal");
  }

  /** One line of a summary. */
  void entry(String label, Object value) {
    line("%-12s%s".formatted(label, value));
  }

  void line(String text) {
    out.println(text);
    out.flush();
  }
}
