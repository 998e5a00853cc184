package org.modelopt.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.GeneralCodingRules.THROW_GENERIC_EXCEPTIONS;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/**
 * Holds the module boundaries of {@code docs/architecture.md} and the rules that keep the library a
 * good guest in its host. It looks at all modules that the command line depends on, which is why it
 * lives here.
 */
class ArchitectureTest {
  private static final String COMPUTE_CPU = "org.modelopt.compute.cpu..";
  private static final String COMPUTE_CUDA = "org.modelopt.compute.cuda..";
  private static final String FORMATS = "org.modelopt.formats..";
  private static final String MODELS = "org.modelopt.models..";
  private static final String EXPORT = "org.modelopt.export..";
  private static final String CLI = "org.modelopt.cli..";
  private static final String EXAMPLES = "org.modelopt.examples..";
  private static final String BENCHMARKS = "org.modelopt.benchmarks..";

  /** Every package outside core; what is in none of these is in core. */
  private static final String[] ABOVE_CORE = {
    COMPUTE_CPU, COMPUTE_CUDA, FORMATS, MODELS, EXPORT, CLI, EXAMPLES, BENCHMARKS
  };

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("org.modelopt");

  @Test
  void theClassesOfEveryModuleAreSeen() {
    for (String module :
        List.of("tensor", "compute.cpu", "compute.cuda", "formats", "models", "export", "cli")) {
      String name = "org.modelopt." + module;
      assertTrue(
          CLASSES.stream().anyMatch(type -> type.getPackageName().startsWith(name)),
          "no class seen in " + name);
    }
  }

  @Test
  void coreDependsOnNoOtherModule() {
    noClasses()
        .that()
        .resideOutsideOfPackages(ABOVE_CORE)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(ABOVE_CORE)
        .check(CLASSES);
  }

  @Test
  void computeDependsOnCoreOnly() {
    noClasses()
        .that()
        .resideInAnyPackage(COMPUTE_CPU, COMPUTE_CUDA)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(FORMATS, MODELS, EXPORT, CLI)
        .check(CLASSES);
  }

  @Test
  void formatsDependOnCoreAndComputeOnly() {
    noClasses()
        .that()
        .resideInAPackage(FORMATS)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(MODELS, EXPORT, CLI)
        .check(CLASSES);
  }

  @Test
  void modelsDependOnCoreOnly() {
    noClasses()
        .that()
        .resideInAPackage(MODELS)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(COMPUTE_CPU, COMPUTE_CUDA, FORMATS, EXPORT, CLI)
        .check(CLASSES);
  }

  @Test
  void exportDependsOnCoreFormatsAndModelsOnly() {
    noClasses()
        .that()
        .resideInAPackage(EXPORT)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(COMPUTE_CPU, COMPUTE_CUDA, CLI)
        .check(CLASSES);
  }

  @Test
  void packagesAreFreeOfCycles() {
    slices().matching("org.modelopt.(**)").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void theFacadeIsUsedFromOutsideOnly() {
    noClasses()
        .that()
        .resideInAPackage("org.modelopt.*..")
        .and()
        .resideOutsideOfPackages(CLI, EXAMPLES, BENCHMARKS)
        .should()
        .dependOnClassesThat()
        .resideInAPackage("org.modelopt")
        .check(CLASSES);
  }

  @Test
  void onlyTheCudaBackendKnowsJCuda() {
    noClasses()
        .that()
        .resideOutsideOfPackage(COMPUTE_CUDA)
        .should()
        .dependOnClassesThat()
        .resideInAPackage("jcuda..")
        .check(CLASSES);
  }

  @Test
  void onlyBackendsAndFormatsUseTheVectorApi() {
    noClasses()
        .that()
        .resideOutsideOfPackages(COMPUTE_CPU, FORMATS)
        .should()
        .dependOnClassesThat()
        .resideInAPackage("jdk.incubator.vector..")
        .check(CLASSES);
  }

  @Test
  void onlyProgramsUseStandardStreams() {
    noClasses()
        .that()
        .resideOutsideOfPackages(CLI, EXAMPLES, BENCHMARKS)
        .should(ACCESS_STANDARD_STREAMS)
        .check(CLASSES);
  }

  @Test
  void theHostProcessIsLeftAlone() {
    noClasses()
        .that()
        .resideOutsideOfPackage(CLI)
        .should()
        .callMethod(System.class, "exit", int.class)
        .orShould()
        .callMethod(System.class, "setProperty", String.class, String.class)
        .check(CLASSES);
  }

  @Test
  void loggingGoesThroughSlf4j() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAPackage("java.util.logging..")
        .check(CLASSES);
  }

  @Test
  void exceptionsSayWhatKindTheyAre() {
    noClasses().should(THROW_GENERIC_EXCEPTIONS).check(CLASSES);
  }

  /**
   * Others are not among the names that the build runs, so their properties would never be tried.
   */
  @Test
  void classesWithPropertiesAreNamedSo() throws IOException {
    JavaClasses tests = new ClassFileImporter().importPaths(testClasses());
    assertTrue(tests.contain(ArchitectureTest.class), "the test classes are not where expected");
    classes()
        .that(haveProperties())
        .should()
        .haveSimpleNameEndingWith("Properties")
        .allowEmptyShould(true)
        .check(tests);
  }

  @Test
  void everyPackageHasADescriptionAndIsNullMarked() throws IOException {
    try (Stream<Path> files = Files.walk(root())) {
      List<Path> packages =
          files
              .filter(file -> file.toString().endsWith(".java"))
              .filter(file -> root().relativize(file).toString().contains("src/main/java/"))
              .map(Path::getParent)
              .distinct()
              .sorted()
              .toList();
      assertTrue(packages.size() > 8, "packages found: " + packages);
      assertEquals(
          List.of(),
          packages.stream().filter(folder -> !isDescribed(folder)).map(root()::relativize).toList(),
          "packages without a package-info.java that has a comment and @NullMarked");
    }
  }

  private static boolean isDescribed(Path folder) {
    Path file = folder.resolve("package-info.java");
    try {
      String text = Files.exists(file) ? Files.readString(file) : "";
      return text.contains("/**") && text.contains("@NullMarked");
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static DescribedPredicate<JavaClass> haveProperties() {
    return DescribedPredicate.describe(
        "have jqwik properties",
        type ->
            type.getMethods().stream().anyMatch(method -> method.isAnnotatedWith(Property.class)));
  }

  /** The folders of compiled tests of all modules, beside the one that this class came from. */
  private static List<Path> testClasses() throws IOException {
    Path own = root().resolve("modelopt-cli").relativize(location());
    try (Stream<Path> modules = Files.list(root())) {
      return modules
          .filter(module -> module.getFileName().toString().startsWith("modelopt-"))
          .map(module -> module.resolve(own))
          .filter(Files::isDirectory)
          .toList();
    }
  }

  private static Path root() {
    Path folder = location();
    while (!folder.endsWith("modelopt-cli")) {
      folder = folder.getParent();
    }
    return folder.getParent();
  }

  private static Path location() {
    try {
      return Path.of(
          ArchitectureTest.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }
}
