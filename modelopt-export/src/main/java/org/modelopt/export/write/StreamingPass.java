package org.modelopt.export.write;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Workers;
import org.modelopt.config.PlanSize;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.WeightDecision;
import org.modelopt.error.CheckpointException;
import org.modelopt.job.JobOptions;
import org.modelopt.job.LinearForm;
import org.modelopt.job.Pass;
import org.modelopt.job.Progress;
import org.modelopt.job.Weights;
import org.modelopt.model.Linear;
import org.modelopt.tensor.Tensor;
import org.modelopt.transform.Change;

/**
 * Goes through the parameters of a model once and writes what plans make of them. Every thread has
 * one parameter in hand at a time, or those of an expert that are written together; places are
 * known beforehand, so that the bytes do not depend on the number of threads.
 */
final class StreamingPass {
  /** Bytes of an unchanged tensor that are handed on at a time. */
  private static final long CHUNK = 16L << 20;

  /** A plan and the files it is carried out in. */
  record Running(CheckpointPlan plan, CheckpointFiles.Writer writer) {}

  private final Subject subject;
  private final List<Running> running;
  private final JobOptions options;
  private final AtomicLong doneBytes = new AtomicLong();
  private long totalBytes;

  private StreamingPass(Subject subject, List<Running> running, JobOptions options) {
    this.subject = subject;
    this.running = running;
    this.options = options;
  }

  /** Writes all tensors of all plans. */
  static void run(Subject subject, List<Running> running, JobOptions options) {
    new StreamingPass(subject, running, options).run();
  }

  /** Work on one stored tensor, or on linears that are written together. */
  private record Task(String name, long bytes, Consumer<Pass> work) {}

  private void run() {
    for (Running one : running) {
      one.plan().constants().forEach((place, t) -> one.writer().write(place, t.segment()));
    }
    List<Task> tasks = tasks();
    totalBytes = tasks.stream().mapToLong(Task::bytes).sum();
    BlockingQueue<Pass> passes = new ArrayBlockingQueue<>(options.threads());
    List<Backend> backends = new ArrayList<>();
    try (Workers workers = new Workers(options.threads())) {
      for (int i = 0; i < options.threads(); i++) {
        Backend backend = options.withDevice("cpu").withThreads(1).openBackend();
        backends.add(backend);
        passes.add(Pass.plain(backend, options.precisionFor(subject.model())));
      }
      workers.forRange(
          tasks.size(),
          1,
          (from, to) -> {
            Pass pass = take(passes);
            try {
              run(tasks.get(Math.toIntExact(from)), pass);
            } finally {
              passes.add(pass);
            }
          });
    } finally {
      backends.forEach(Backend::close);
    }
  }

  /** There are as many passes as threads. */
  private static Pass take(BlockingQueue<Pass> passes) {
    Pass pass = passes.poll();
    if (pass == null) {
      throw new IllegalStateException("more threads than passes");
    }
    return pass;
  }

  /** In the order of the checkpoint, so that it is read from front to back. */
  private List<Task> tasks() {
    List<Task> tasks = new ArrayList<>();
    for (Subject.Source source : subject.sources()) {
      String name = source.name();
      long bytes = source.info().byteSize();
      if (source.isWeight()) {
        Linear linear = source.linear().orElseThrow();
        tasks.add(new Task(name, bytes, pass -> writeLinear(linear, pass)));
      } else if (running.stream().anyMatch(one -> one.plan().parameters().containsKey(name))) {
        tasks.add(new Task(name, bytes, pass -> writeParameter(name, pass)));
      }
    }
    for (Running one : running) {
      one.plan().joined().keySet().forEach(linears -> tasks.add(joined(one, linears)));
    }
    return tasks;
  }

  private Task joined(Running one, List<Linear> linears) {
    long bytes =
        linears.stream().mapToLong(linear -> PlanSize.bytesBefore(subject.model(), linear)).sum();
    return new Task(
        linears.getFirst().weightName(), bytes, pass -> writeJoined(one, linears, pass));
  }

  private void run(Task task, Pass pass) {
    task.work().accept(pass);
    long done = doneBytes.addAndGet(task.bytes());
    options.progress().update(new Progress("export", done, totalBytes, "bytes", task.name()));
  }

  /** Plans that decide alike share what was made. */
  private record LinearKey(Optional<WeightDecision> weight, Optional<InputDecision> input) {}

  private void writeLinear(Linear linear, Pass pass) {
    Map<LinearKey, List<Running>> alike = new LinkedHashMap<>();
    for (Running one : running) {
      Decisions decisions = one.plan().decisions();
      LinearKey key =
          new LinearKey(decisions.weight(linear.name()), decisions.input(linear.name()));
      alike.computeIfAbsent(key, k -> new ArrayList<>()).add(one);
    }
    alike.forEach((key, plans) -> {
      try (Arena arena = Arena.ofShared()) {
        LinearForm form = form(linear, plans.getFirst().plan().decisions(), pass, arena);
        for (Running one : plans) {
          for (Piece<LinearForm> piece : one.plan().linears().getOrDefault(linear, List.of())) {
            write(one, piece, form, pass);
          }
        }
      }
    });
  }

  private void writeJoined(Running one, List<Linear> linears, Pass pass) {
    try (Arena arena = Arena.ofShared()) {
      List<LinearForm> forms =
          linears.stream().map(l -> form(l, one.plan().decisions(), pass, arena)).toList();
      for (Piece<List<LinearForm>> piece : one.plan().joined().getOrDefault(linears, List.of())) {
        write(one, piece, forms, pass);
      }
    }
  }

  private LinearForm form(Linear linear, Decisions decisions, Pass pass, Arena arena) {
    try {
      return Weights.form(subject.model(), linear, decisions, pass, arena);
    } catch (CheckpointException e) {
      throw new CheckpointException(
          "%s: %s of %s cannot be quantized: %s"
              .formatted(
                  subject.model().name(), linear.weightName(), linear.name(), e.getMessage()),
          e);
    }
  }

  private void writeParameter(String name, Pass pass) {
    Map<List<Change>, List<Running>> alike = new LinkedHashMap<>();
    for (Running one : running) {
      alike.computeIfAbsent(one.plan().decisions().changes(name), k -> new ArrayList<>()).add(one);
    }
    alike.forEach((changes, plans) -> {
      try (Arena arena = Arena.ofShared()) {
        Decisions decisions = plans.getFirst().plan().decisions();
        Tensor parameter = Weights.parameter(subject.model(), name, decisions, pass, arena);
        for (Running one : plans) {
          for (Piece<Tensor> piece : one.plan().parameters().getOrDefault(name, List.of())) {
            write(one, piece, parameter, pass);
          }
        }
      }
    });
  }

  private static <S> void write(Running one, Piece<S> piece, S source, Pass pass) {
    try (Arena arena = Arena.ofShared()) {
      Tensor made = piece.maker().make(source, pass, arena);
      Place place = piece.place();
      for (long at = 0; at < made.byteSize(); at += CHUNK) {
        long bytes = Math.min(CHUNK, made.byteSize() - at);
        one.writer()
            .write(
                new Place(place.file(), place.tensor(), place.offset() + at),
                made.segment().asSlice(at, bytes));
      }
    }
  }
}
