package org.modelopt.cli;

/** Entry point of the {@code modelopt} command. */
public final class Main {
  private Main() {}

  /** Prints the version. */
  public static void main(String[] args) {
    String version = Main.class.getPackage().getImplementationVersion();
    System.out.println("modelopt " + (version == null ? "(unpackaged)" : version));
  }
}
