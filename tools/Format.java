import com.google.googlejavaformat.java.Formatter;
import com.google.googlejavaformat.java.FormatterException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * Checks or applies the source format of the whole project; the build runs it as a single-file
 * program.
 *
 * <p>Arguments: {@code check} or {@code apply}, the project's root, and a file that remembers the
 * digests of sources found well formatted, so that an unchanged source is not formatted again.
 */
public final class Format {
  private Format() {}

  public static void main(String[] args) throws Exception {
    boolean apply =
        switch (args[0]) {
          case "check" -> false;
          case "apply" -> true;
          default -> throw new IllegalArgumentException("neither check nor apply: " + args[0]);
        };
    Path root = Path.of(args[1]).toRealPath();
    Path memory = Path.of(args[2]);
    Set<String> known =
        Files.exists(memory) ? new HashSet<>(Files.readAllLines(memory)) : new HashSet<>();
    Set<String> good = new TreeSet<>();
    List<String> complaints = new ArrayList<>();
    Formatter formatter = new Formatter();
    for (Path file : sources(root)) {
      String text = Files.readString(file);
      String digest = digest(text);
      if (known.contains(digest)) {
        good.add(digest);
        continue;
      }
      Path name = root.relativize(file);
      try {
        String formatted = formatter.formatSourceAndFixImports(text);
        if (formatted.equals(text)) {
          good.add(digest);
        } else if (apply) {
          Files.writeString(file, formatted);
          good.add(digest(formatted));
          System.out.println("formatted " + name);
        } else {
          complaints.add(name + ": line " + firstDifference(text, formatted));
        }
      } catch (FormatterException e) {
        complaints.add(name + ": " + e.getMessage().strip());
      }
    }
    Files.createDirectories(memory.getParent());
    Files.write(memory, good);
    if (!complaints.isEmpty()) {
      System.err.println("Not formatted as google-java-format would:");
      complaints.forEach(complaint -> System.err.println("  " + complaint));
      System.err.println("To format all sources run: mvn -N -Pformat");
      System.exit(1);
    }
  }

  private static List<Path> sources(Path root) throws IOException {
    List<Path> folders = new ArrayList<>();
    try (Stream<Path> children = Files.list(root)) {
      children
          .filter(child -> child.getFileName().toString().startsWith("modelopt-"))
          .map(child -> child.resolve("src"))
          .filter(Files::isDirectory)
          .forEach(folders::add);
    }
    folders.add(root.resolve("tools"));
    List<Path> sources = new ArrayList<>();
    for (Path folder : folders) {
      try (Stream<Path> files = Files.walk(folder)) {
        files.filter(file -> file.toString().endsWith(".java")).forEach(sources::add);
      }
    }
    sources.sort(null);
    return sources;
  }

  private static int firstDifference(String text, String formatted) {
    String[] found = text.split("\n", -1);
    String[] expected = formatted.split("\n", -1);
    int line = 0;
    while (line < found.length && line < expected.length && found[line].equals(expected[line])) {
      line++;
    }
    return line + 1;
  }

  private static String digest(String text) throws NoSuchAlgorithmException {
    MessageDigest sha = MessageDigest.getInstance("SHA-256");
    return HexFormat.of()
        .formatHex(sha.digest(text.getBytes(java.nio.charset.StandardCharsets.UTF_8)));
  }
}
