package org.modelopt.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.InaccessibleObjectException;
import java.nio.charset.Charset;

/**
 * What the {@code modelopt} script starts: {@link Main}, with standard error put back in its place.
 *
 * <p>Java prints a warning about incubator modules before any code of ours runs, and has no option
 * against it. The script therefore starts Java with a filter on descriptor 2 that drops this one
 * line, and names in the system property {@value #STANDARD_ERROR} the descriptor on which it left
 * the real standard error. From here on everything is written there directly, so nothing that the
 * command prints is delayed, reordered or lost behind the filter.
 */
final class Launcher {
  private static final String STANDARD_ERROR = "modelopt.stderr";

  private Launcher() {}

  public static void main(String[] args) {
    Integer descriptor = Integer.getInteger(STANDARD_ERROR);
    if (descriptor != null) {
      restoreStandardError(descriptor);
    }
    Main.main(args);
  }

  private static void restoreStandardError(int descriptor) {
    try {
      Constructor<FileDescriptor> open = FileDescriptor.class.getDeclaredConstructor(int.class);
      open.setAccessible(true);
      Charset charset = System.err.charset();
      System.setErr(
          new PrintStream(new FileOutputStream(open.newInstance(descriptor)), true, charset));
    } catch (ReflectiveOperationException | InaccessibleObjectException e) {
      // Standard error then keeps passing through the filter, which shows the same text.
      return;
    }
  }
}
