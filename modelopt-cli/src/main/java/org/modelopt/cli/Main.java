package org.modelopt.cli;

import java.io.PrintWriter;
import org.modelopt.error.ConfigException;
import org.modelopt.error.ModelOptException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.IVersionProvider;

/** Entry point of the {@code modelopt} command. */
@Command(
    name = "modelopt",
    description = "Makes checkpoints of large language models smaller and faster.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    subcommands = {
      DemoCommand.class,
      PlanCommand.class,
      CalibrateCommand.class,
      QuantizeCommand.class,
      AutoCommand.class,
      ConvertCommand.class,
      EvalCommand.class,
      ServeCommand.class,
      VerifyCommand.class,
      InspectCommand.class,
      AdviseCommand.class,
      CompareCommand.class,
      RecipesCommand.class,
      CompletionCommand.class,
      ForwardCommand.class,
      HelpCommand.class
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done; for verify: nothing found",
      "1:failed: the message says what, where and what now; for verify: something found",
      "2:the command line could not be understood",
      "3:a defect of this program: please report the stack trace"
    },
    footer = {"", "Start with: modelopt demo"})
public final class Main {
  private static final int EXIT_FAILED = 1;
  private static final int EXIT_DEFECT = 3;

  private Main() {}

  /** Runs the command and ends the process with its exit code. */
  public static void main(String[] args) {
    System.exit(run(args));
  }

  /** Runs the command within a program and gives its exit code. */
  public static int run(String... args) {
    return execute(commandLine(), args);
  }

  /** Runs the command with these arguments and those that recipes add; gives its exit code. */
  static int execute(CommandLine command, String... args) {
    String[] all;
    try {
      all = RecipeOptions.expand(command, args);
    } catch (ConfigException e) {
      command.getErr().println("modelopt: " + e.getMessage());
      command.getErr().flush();
      return EXIT_FAILED;
    }
    return command.execute(all);
  }

  /** The command, ready to execute; does not end the process. */
  static CommandLine commandLine() {
    return new CommandLine(new Main())
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setUsageHelpAutoWidth(true)
        .setParameterExceptionHandler(UsageError::report)
        .setExecutionExceptionHandler(Main::report);
  }

  private static int report(Exception failure, CommandLine command, CommandLine.ParseResult args) {
    PrintWriter err = command.getErr();
    if (failure instanceof ModelOptException || failure instanceof IllegalArgumentException) {
      err.println("modelopt: " + failure.getMessage());
      return EXIT_FAILED;
    }
    err.println("modelopt: unexpected failure; please report this:");
    failure.printStackTrace(err);
    return EXIT_DEFECT;
  }

  /** Reads the version that the build wrote into the jar. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"modelopt " + org.modelopt.ModelOpt.version()};
    }
  }
}
