package org.modelopt.export.verify.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.modelopt.error.CheckpointException;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.TensorInfo;
import tools.jackson.databind.JsonNode;

/**
 * The weight files of a HuggingFace-style directory, with the rules of the container applied: what
 * every loader needs before it looks at a single tensor.
 */
public final class ExportDirectory {
  private static final String SINGLE_FILE = "model.safetensors";
  private static final String INDEX_FILE = "model.safetensors.index.json";
  private static final String SUFFIX = ".safetensors";

  private static final Violation NO_WEIGHTS =
      new Violation(
          "no weights",
          "there is nothing to load",
          "write model.safetensors, or shards and model.safetensors.index.json");
  private static final Violation UNREADABLE =
      new Violation(
          "malformed safetensors file",
          "loaders stop at it; some read past its end",
          "write the file anew; if it was copied, copy it again");
  private static final Violation MISSING_SHARD =
      new Violation(
          "missing shard",
          "older vLLM releases load the rest and leave these weights uninitialised",
          "copy or write the shard that the index names");
  private static final Violation ORPHAN =
      new Violation(
          "weight file that is not part of the checkpoint",
          "loaders that do not follow the index read it too, and its tensors replace the others",
          "remove it, or list its tensors in the index");
  private static final Violation INDEX =
      new Violation(
          "index and shards disagree",
          "loaders look for a tensor only in the shard that the index names",
          "write the index from the headers of the shards");
  private static final Violation DUPLICATE =
      new Violation(
          "tensor in two files",
          "loaders read both and keep the one they happen to read last",
          "keep it in one file");
  private static final Violation METADATA =
      new Violation(
          "metadata without format",
          "transformers refuses other formats, and some loaders crash without any metadata",
          "write __metadata__ {\"format\": \"pt\"} into each file");
  private static final Violation DTYPE =
      new Violation(
          "data type that loaders do not keep",
          "older readers do not know it, and vLLM converts its numbers instead of its bits",
          "store packed codes and E8M0 scales as U8, other tensors in the model's type");

  private final Path path;
  private final TreeMap<String, ExportTensor> tensors = new TreeMap<>();
  private final Set<String> lost = new TreeSet<>();
  private boolean complete = true;
  private boolean indexed;
  private int headers;

  private ExportDirectory(Path path) {
    this.path = path;
  }

  /** Reads index and headers of {@code path}; what is wrong with them goes to {@code findings}. */
  public static ExportDirectory read(Path path, Findings findings) {
    ExportDirectory directory = new ExportDirectory(path);
    directory.load(findings);
    return directory;
  }

  private void load(Findings findings) {
    Set<String> present = weightFiles();
    Optional<JsonNode> index = JsonFiles.read(path, INDEX_FILE, findings);
    Map<String, String> map = new LinkedHashMap<>();
    if (index.isPresent()) {
      readMap(index.get(), map, findings);
    } else if (Files.exists(path.resolve(INDEX_FILE))) {
      complete = false;
    }
    indexed = !map.isEmpty();
    Set<String> listed = map.isEmpty() ? Set.of(SINGLE_FILE) : new TreeSet<>(map.values());
    if (index.isEmpty() && !present.contains(SINGLE_FILE)) {
      complete = false;
      findings.error(NO_WEIGHTS, Place.EXPORT, SINGLE_FILE + " or " + INDEX_FILE, present);
    }
    for (String file : present) {
      if (listed.contains(file)) {
        readHeader(file, map, findings);
      } else {
        findings.error(ORPHAN, Place.file(file), "only " + summary(listed), file);
      }
    }
    if (!map.isEmpty()) {
      checkIndex(map, index.orElseThrow(), present, findings);
    }
  }

  private Set<String> weightFiles() {
    try (Stream<Path> entries = Files.list(path)) {
      return entries
          .map(entry -> entry.getFileName().toString())
          .filter(name -> name.endsWith(SUFFIX))
          .collect(TreeSet::new, Set::add, Set::addAll);
    } catch (IOException e) {
      throw new CheckpointException(path + ": cannot be listed: " + e, e);
    }
  }

  private void readMap(JsonNode index, Map<String, String> map, Findings findings) {
    JsonNode entries = index.path("weight_map");
    if (!entries.isObject() || entries.isEmpty()) {
      complete = false;
      findings.error(
          INDEX, Place.file(INDEX_FILE), "a weight_map of tensors to files", entries.getNodeType());
      return;
    }
    for (Map.Entry<String, JsonNode> entry : entries.properties()) {
      String file = entry.getValue().isString() ? entry.getValue().asString() : "";
      if (file.isEmpty() || file.contains("/") || file.contains("\\") || !file.endsWith(SUFFIX)) {
        findings.error(
            INDEX,
            Place.tensor(entry.getKey(), INDEX_FILE),
            "the name of a safetensors file beside the index",
            entry.getValue());
        lost.add(entry.getKey());
      } else {
        map.put(entry.getKey(), file);
      }
    }
  }

  private void readHeader(String name, Map<String, String> map, Findings findings) {
    SafetensorsFile file;
    try {
      file = SafetensorsFile.open(path.resolve(name));
    } catch (CheckpointException e) {
      complete = false;
      findings.error(
          UNREADABLE,
          Place.file(name),
          "a file by the rules of the format",
          String.valueOf(e.getMessage()));
      return;
    }
    String format = file.metadata().getOrDefault("format", "");
    if (!format.equals("pt")) {
      findings.error(
          METADATA, Place.file(name), "__metadata__ with format \"pt\"", file.metadata());
    }
    for (TensorInfo info : file.tensors()) {
      headers++;
      ExportTensor tensor = new ExportTensor(info, file);
      ExportTensor other = tensors.get(info.name());
      if (other != null) {
        findings.error(
            DUPLICATE, tensor.place(), "one file", other.file() + " and " + tensor.file());
      }
      // Of two, the one that the index names counts.
      if (other == null || name.equals(map.get(info.name()))) {
        tensors.put(info.name(), tensor);
      }
      if (isForbidden(info.dtype())) {
        findings.error(DTYPE, tensor.place(), "a type that all loaders keep", info.dtype());
      }
    }
  }

  private static boolean isForbidden(DType dtype) {
    return switch (dtype) {
      case F8_E8M0, F8_E5M2, F8_E4M3FNUZ, F8_E5M2FNUZ, F4, F6_E2M3, F6_E3M2, F64, C64 -> true;
      case BOOL, U8, I8, F8_E4M3, I16, U16, F16, BF16, I32, U32, F32, I64, U64 -> false;
    };
  }

  private void checkIndex(
      Map<String, String> map, JsonNode index, Set<String> present, Findings findings) {
    Set<String> absent = new TreeSet<>(map.values());
    absent.removeAll(present);
    for (String file : absent) {
      complete = false;
      findings.error(MISSING_SHARD, Place.file(file), "a file, named by the index", "absent");
    }
    Set<String> readable = new TreeSet<>();
    tensors.values().forEach(tensor -> readable.add(tensor.file()));
    map.forEach((tensor, file) -> {
      ExportTensor stored = tensors.get(tensor);
      if (stored != null && !stored.file().equals(file)) {
        findings.error(INDEX, Place.tensor(tensor, INDEX_FILE), "in " + stored.file(), file);
      } else if (stored == null && readable.contains(file)) {
        findings.error(INDEX, Place.tensor(tensor, INDEX_FILE), "in " + file, "not there");
        lost.add(tensor);
      } else if (stored == null) {
        lost.add(tensor);
      }
    });
    tensors.values().stream()
        .filter(tensor -> !map.containsKey(tensor.name()))
        .forEach(
            tensor -> findings.error(INDEX, tensor.place(), "in the weight_map", "not listed"));
    JsonNode total = index.path("metadata").path("total_size");
    long bytes = tensors.values().stream().mapToLong(t -> t.info().byteSize()).sum();
    if (complete && !(total.isIntegralNumber() && total.asLong() == bytes)) {
      findings.error(
          INDEX,
          Place.file(INDEX_FILE + " metadata.total_size"),
          bytes,
          total.isMissingNode() ? "absent" : total);
    }
  }

  private static String summary(Collection<String> names) {
    return names.size() <= 4 ? names.toString() : names.size() + " files of the index";
  }

  /** The directory. */
  public Path path() {
    return path;
  }

  /** All tensors that could be read, by name. */
  public Map<String, ExportTensor> tensors() {
    return Collections.unmodifiableMap(tensors);
  }

  /** The tensor called {@code name}, if there is one. */
  public Optional<ExportTensor> find(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  /** What follows the module path and a dot in the names of the tensors directly under it. */
  public Set<String> suffixesOf(String module) {
    // '/' comes right after '.'.
    Set<String> suffixes = new TreeSet<>();
    for (String name : tensors.subMap(module + ".", module + "/").keySet()) {
      String suffix = name.substring(module.length() + 1);
      if (suffix.indexOf('.') < 0) {
        suffixes.add(suffix);
      }
    }
    return suffixes;
  }

  /** Number of tensors in all headers. */
  public int tensorCount() {
    return headers;
  }

  /**
   * Whether a missing tensor is a finding of its own: if a file could not be read, its tensors are
   * missing because of that, which is said already.
   */
  public boolean isKnownAbsent(String name) {
    return (complete || indexed) && !lost.contains(name) && !tensors.containsKey(name);
  }

  /** Whether every weight file was read. */
  public boolean isComplete() {
    return complete;
  }
}
