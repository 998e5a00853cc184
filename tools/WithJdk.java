import java.io.IOException;

/**
 * Runs a command with {@code JAVA_HOME} set to the JDK that runs this program; the build's
 * toolchain is found for Java only, not for scripts.
 *
 * <p>Arguments: the command and its arguments.
 */
public final class WithJdk {
  private WithJdk() {}

  public static void main(String[] args) throws IOException, InterruptedException {
    ProcessBuilder command = new ProcessBuilder(args).inheritIO();
    command.environment().put("JAVA_HOME", System.getProperty("java.home"));
    System.exit(command.start().waitFor());
  }
}
