package org.modelopt.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import picocli.CommandLine;

/**
 * One run of the command in this process.
 *
 * @param exit exit code
 * @param out standard output
 * @param err standard error
 */
record CommandRun(int exit, String out, String err) {
  /** Runs {@code modelopt} with these arguments; paths and numbers count as their text. */
  static CommandRun of(Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine command =
        Main.commandLine().setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    int exit =
        Main.execute(
            command, List.of(arguments).stream().map(String::valueOf).toArray(String[]::new));
    return new CommandRun(exit, out.toString(), err.toString());
  }

  /** A quantization that takes little time. */
  static CommandRun quantize(Path model, Path out, Object... more) {
    Object[] all =
        Stream.concat(
                Stream.of(
                    "quantize", "--model", model, "--out", out, "--samples", 2, "--max-length", 32),
                Arrays.stream(more))
            .toArray();
    return of(all);
  }

  /** The last line of standard output. */
  String lastLine() {
    return out.stripTrailing().lines().reduce("", (a, b) -> b);
  }
}
