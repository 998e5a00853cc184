package org.modelopt.publish;

import java.nio.file.Files;
import java.nio.file.Path;

/** A process that begins a publication and then waits until it is killed. */
public final class WaitingPublisher {
  static final String READY = "publishing";

  private WaitingPublisher() {}

  public static void main(String[] args) throws Exception {
    try (Publication publication = Publication.ofDirectory(Path.of(args[0]))) {
      Files.writeString(publication.path().resolve("config.json"), "{}");
      System.out.println(READY);
      Thread.sleep(60_000);
    }
  }
}
