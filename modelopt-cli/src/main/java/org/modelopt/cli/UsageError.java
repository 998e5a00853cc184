package org.modelopt.cli;

import java.io.PrintWriter;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.modelopt.config.Nearest;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Says in two lines why a command line could not be understood. */
final class UsageError {
  private UsageError() {}

  /** For {@link CommandLine#setParameterExceptionHandler}. */
  static int report(ParameterException failure, String... args) {
    CommandLine command = failure.getCommandLine();
    PrintWriter err = command.getErr();
    String name = command.getCommandSpec().qualifiedName();
    Optional<String> unknown =
        command.getParent() == null ? Optional.empty() : unknownOption(command, args);
    if (unknown.isPresent()) {
      List<String> options = List.copyOf(command.getCommandSpec().optionsMap().keySet());
      err.printf(
          "modelopt: %s has no option %s; %s%n",
          name, unknown.get(), Nearest.suggestion(unknown.get(), options));
    } else {
      err.println("modelopt: " + failure.getMessage());
      if (failure instanceof UnmatchedArgumentException unmatched) {
        UnmatchedArgumentException.printSuggestions(unmatched, err);
      }
    }
    err.println("\"" + name + " --help\" shows how it is used.");
    err.flush();
    return command.getCommandSpec().exitCodeOnInvalidInput();
  }

  /** What a mistyped option leads to first is another one that is then missing. */
  private static Optional<String> unknownOption(CommandLine command, String... args) {
    return Arrays.stream(args)
        .filter(arg -> arg.startsWith("--") && arg.length() > 2)
        .map(arg -> arg.replaceFirst("=.*", ""))
        .filter(arg -> !command.getCommandSpec().optionsMap().containsKey(arg))
        .findFirst();
  }
}
