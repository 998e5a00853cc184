package org.modelopt.cli;

import java.io.PrintWriter;

/** Prints a message if the process is told to end (Ctrl-C, SIGTERM) before this is closed. */
final class Interruption implements AutoCloseable {
  private final Thread hook;

  Interruption(PrintWriter out, String message) {
    hook =
        new Thread(
            () -> {
              out.println();
              out.println("modelopt: " + message);
              out.flush();
            },
            "interruption");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The process is ending, and the hook is about to speak or has spoken.
      return;
    }
  }
}
