package org.modelopt.cli;

import java.io.PrintWriter;
import java.io.Writer;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import picocli.CommandLine;

/** A command that runs in this process until it is closed, which interrupts it. */
final class RunningCommand implements AutoCloseable {
  private static final int SECONDS = 120;

  private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
  private final Thread thread;

  /** Starts {@code modelopt} with these arguments. */
  RunningCommand(List<String> arguments) {
    PrintWriter writer = new PrintWriter(new Lines(), true);
    CommandLine command = Main.commandLine().setOut(writer).setErr(writer);
    this.thread =
        Thread.ofPlatform()
            .start(() -> {
              int exit = Main.execute(command, arguments.toArray(String[]::new));
              lines.add("ended with code " + exit);
            });
  }

  /** The next line that is as wanted; {@link AssertionError} if the command ends without. */
  String awaitLine(Predicate<String> wanted) {
    StringBuilder said = new StringBuilder();
    while (true) {
      String line = nextLine();
      said.append(line).append('\n');
      if (wanted.test(line)) {
        return line;
      }
      if (line.startsWith("ended with code")) {
        throw new AssertionError(said.toString());
      }
    }
  }

  private String nextLine() {
    try {
      String line = lines.poll(SECONDS, TimeUnit.SECONDS);
      return line == null ? "ended with code unknown: it says nothing" : line;
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() {
    thread.interrupt();
    awaitLine("ended with code 0"::equals);
  }

  /** Cuts what is written into lines. */
  private final class Lines extends Writer {
    private final StringBuilder open = new StringBuilder();

    @Override
    public void write(char[] buffer, int offset, int length) {
      for (int i = offset; i < offset + length; i++) {
        if (buffer[i] == '\n') {
          lines.add(open.toString());
          open.setLength(0);
        } else {
          open.append(buffer[i]);
        }
      }
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }
}
