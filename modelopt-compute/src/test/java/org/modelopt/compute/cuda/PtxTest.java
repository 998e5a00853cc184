package org.modelopt.compute.cuda;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import jcuda.nvptxcompiler.JNvPTXCompiler;
import jcuda.nvptxcompiler.nvPTXCompilerHandle;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The checked-in PTX is that of the sources, and assembles. */
class PtxTest {
  private static final Path ROOT = root();

  private static Path root() {
    Path directory = Path.of("").toAbsolutePath();
    while (!Files.isDirectory(directory.resolve("modelopt-compute"))
        && directory.getParent() != null) {
      directory = directory.getParent();
    }
    return directory;
  }

  private static List<Path> files(String folder, String suffix) throws IOException {
    try (Stream<Path> files = Files.list(ROOT.resolve(folder))) {
      return files.filter(file -> file.toString().endsWith(suffix)).sorted().toList();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"compute", "formats"})
  void everySourceHasItsPtx(String module) throws IOException, NoSuchAlgorithmException {
    assumeTrue(Files.isDirectory(ROOT.resolve("modelopt-" + module)), "not in a source checkout");
    String cuda = "modelopt-%s/src/main/cuda".formatted(module);
    String resources =
        "modelopt-%s/src/main/resources/org/modelopt/%s/cuda".formatted(module, module);
    List<Path> sources = files(cuda, ".cu");
    assertFalse(sources.isEmpty());
    assertEquals(sources.size(), files(resources, ".ptx").size(), "a PTX without a source");
    for (Path source : sources) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(Files.readAllBytes(source));
      for (Path header : files(cuda, ".cuh")) {
        digest.update(Files.readAllBytes(header));
      }
      if (!module.equals("compute")) {
        digest.update(
            Files.readAllBytes(ROOT.resolve("modelopt-compute/src/main/cuda/common.cuh")));
      }
      String name = source.getFileName().toString().replace(".cu", ".ptx");
      try (Stream<String> lines = Files.lines(ROOT.resolve(resources).resolve(name))) {
        assertEquals(
            "// source " + HexFormat.of().formatHex(digest.digest()),
            lines.findFirst().orElse(""),
            source + " was changed: run tools/build-ptx");
      }
    }
  }

  @Test
  void everyPtxAssemblesWithoutGpu() throws IOException {
    assumeTrue(
        System.getProperty("os.name").equals("Linux")
            && System.getProperty("os.arch").equals("amd64"),
        "the PTX compiler is for Linux on x86-64");
    for (String module : List.of("compute", "formats")) {
      for (Path ptx :
          files(
              "modelopt-%s/src/main/resources/org/modelopt/%s/cuda".formatted(module, module),
              ".ptx")) {
        // The big file takes long: the oldest target has it all; the others are asked for the rest.
        boolean big = Files.size(ptx) > 500_000;
        for (String target : big ? List.of("sm_80") : List.of("sm_80", "sm_86", "sm_89", "sm_90")) {
          assemble(ptx, target);
        }
      }
    }
  }

  private static void assemble(Path ptx, String target) throws IOException {
    byte[] text = Files.readAllBytes(ptx);
    nvPTXCompilerHandle compiler = new nvPTXCompilerHandle();
    byte[] terminated = Arrays.copyOf(text, text.length + 1);
    assertEquals(0, JNvPTXCompiler.nvPTXCompilerCreate(compiler, text.length, terminated));
    // Register allocation is what takes long, and is no matter of syntax.
    String[] options = {"--gpu-name=" + target, "--opt-level=0"};
    int result = JNvPTXCompiler.nvPTXCompilerCompile(compiler, options.length, options);
    long[] size = new long[1];
    JNvPTXCompiler.nvPTXCompilerGetErrorLogSize(compiler, size);
    byte[] log = new byte[(int) size[0] + 1];
    JNvPTXCompiler.nvPTXCompilerGetErrorLog(compiler, log);
    assertEquals(0, result, ptx.getFileName() + " for " + target + ": " + new String(log, UTF_8));
    JNvPTXCompiler.nvPTXCompilerDestroy(compiler);
  }
}
