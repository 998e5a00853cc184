package org.modelopt.models;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.IntStream;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Precision;
import org.modelopt.compute.Scope;
import org.modelopt.compute.Workers;
import org.modelopt.data.CalibrationData;
import org.modelopt.data.TextEncoder;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.Quantization;
import org.modelopt.error.CheckpointException;
import org.modelopt.error.DataException;
import org.modelopt.model.Layer;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.models.decoder.DecoderLayers;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.decoder.TensorSlice;
import org.modelopt.models.family.Families;
import org.modelopt.models.family.Family;
import org.modelopt.models.hf.CompanionFiles;
import org.modelopt.models.hf.HfConfig;
import org.modelopt.models.hf.StackedTensors;
import org.modelopt.models.hf.TensorCheck;
import org.modelopt.models.stored.StoredQuantization;
import org.modelopt.models.text.BundledText;
import org.modelopt.models.text.HfTextEncoder;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.safetensors.SafetensorsCheckpoint;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import org.modelopt.tensor.TensorSource;

/**
 * A decoder-only language model in a HuggingFace checkpoint directory. Opening reads the JSON files
 * and the headers of the safetensors files, checks that they fit each other, and reads no weights.
 */
public final class HfModel implements Model {
  private static final int EMBEDDED_TOGETHER = 512;
  private static final int ROWS_PER_TASK = 32;

  private final Path directory;
  private final HfConfig config;
  private final Family family;
  private final DecoderSpec spec;
  private final DecoderLayers layers;
  private final TensorSource tensors;
  private final Optional<StoredQuantization> stored;
  private final HfTextEncoder textEncoder;
  private final Optional<HfConfig> generationConfig;
  private final Arena arena = Arena.ofShared();
  private final Tensor embedding;

  private HfModel(Path directory) {
    this.directory = directory;
    this.config = HfConfig.read(directory.resolve("config.json"));
    this.family = Families.of(config);
    this.spec = family.read(config);
    this.layers = DecoderLayers.of(spec);
    SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.open(directory);
    this.tensors =
        layers.slices().isEmpty() ? checkpoint : new StackedTensors(checkpoint, layers.slices());
    this.stored = StoredQuantization.of(config, checkpoint, layers);
    Set<String> ignored = new HashSet<>();
    if (spec.tiedHead()) {
      ignored.add(DecoderSpec.HEAD);
    }
    stored.ifPresent(quantization -> ignored.addAll(quantization.names()));
    ignored.addAll(furtherLayers(checkpoint));
    SequencedMap<String, Shape> expected = layers.tensorShapes();
    TensorCheck.run(
        directory,
        checkpoint,
        stored.map(q -> q.withoutWeights(expected, layers)).orElse(expected),
        ignored);
    Path generation = directory.resolve("generation_config.json");
    this.generationConfig =
        Files.exists(generation) ? Optional.of(HfConfig.read(generation)) : Optional.empty();
    this.textEncoder = new HfTextEncoder(directory);
    this.embedding = tensors.open(DecoderSpec.EMBEDDING, arena);
  }

  /** Layers that predict more tokens ahead, stored behind the last one; not run, but kept. */
  private List<String> furtherLayers(TensorSource checkpoint) {
    int first = spec.blocks().size();
    int count = (int) config.findNumber("num_nextn_predict_layers").orElse(0);
    List<String> prefixes =
        IntStream.range(first, first + count).mapToObj("model.layers.%d."::formatted).toList();
    return checkpoint.tensors().stream()
        .map(TensorInfo::name)
        .filter(name -> prefixes.stream().anyMatch(name::startsWith))
        .toList();
  }

  /**
   * Opens a checkpoint directory.
   *
   * @throws CheckpointException if a file is missing or malformed, the architecture is not known,
   *     or the tensors are not those that config.json calls for
   */
  public static HfModel open(Path directory) {
    if (!Files.isDirectory(directory)) {
      throw new CheckpointException(
          directory
              + (Files.exists(directory) ? " is not a directory" : " does not exist")
              + "; give the directory of a HuggingFace checkpoint, with config.json and safetensors"
              + " files");
    }
    return new HfModel(directory);
  }

  /** Name of the directory. */
  @Override
  public String name() {
    Path normal = directory.toAbsolutePath().normalize();
    return normal.getNameCount() == 0 ? normal.toString() : normal.getFileName().toString();
  }

  /** Where the checkpoint is. */
  public Path directory() {
    return directory;
  }

  /** The fields of config.json. */
  public HfConfig config() {
    return config;
  }

  /** The fields of generation_config.json, if there is one. */
  public Optional<HfConfig> generationConfig() {
    return generationConfig;
  }

  /** The family the model belongs to. */
  public Family family() {
    return family;
  }

  /** The model as data. */
  public DecoderSpec spec() {
    return spec;
  }

  /**
   * The token that begins a text: {@code bos_token_id} of config.json, or of generation_config.json
   * where that has none.
   */
  public OptionalInt beginOfText() {
    OptionalInt own = config.findTokenId("bos_token_id");
    return own.isPresent()
        ? own
        : generationConfig
            .map(generation -> generation.findTokenId("bos_token_id"))
            .orElse(OptionalInt.empty());
  }

  /**
   * Files that belong into every export of this model byte for byte: tokenizer, chat template,
   * generation defaults. By name; README and licence are not among them.
   */
  public List<Path> companionFiles() {
    return CompanionFiles.in(directory);
  }

  @Override
  public List<Layer> layers() {
    return layers.layers();
  }

  /** Tensors that linears read and that are parts of stored ones: experts that are stacked. */
  public List<TensorSlice> slices() {
    return layers.slices();
  }

  @Override
  public TensorSource tensors() {
    return tensors;
  }

  /** {@code BFLOAT16} if the embedding is stored in BF16, else {@code FLOAT32}, also for F16. */
  @Override
  public Precision storedPrecision() {
    return embedding.dtype() == DType.BF16 ? Precision.BFLOAT16 : Precision.FLOAT32;
  }

  /**
   * Embeddings of a sample's tokens, rows copied from the mapped checkpoint.
   *
   * @param sample I32 {@code [t]} token ids on the host
   * @return {@code [t, hidden]}
   * @throws DataException if a token id is not in the vocabulary
   */
  @Override
  public Tensor input(Tensor sample, Precision precision, Backend backend, Scope scope) {
    if (sample.dtype() != DType.I32 || sample.shape().rank() != 1) {
      throw new DataException(
          "%s reads token ids, I32 [t], not %s %s; give text, or rows of token ids"
              .formatted(name(), sample.dtype(), sample.shape()));
    }
    int[] ids = sample.toInts();
    for (int id : ids) {
      if (id < 0 || id >= spec.vocabulary()) {
        throw new DataException(
            "token id %d is not in the vocabulary of %s, 0 to %d; the samples were made with"
                    .formatted(id, name(), spec.vocabulary() - 1)
                + " another tokenizer");
      }
    }
    Tensor embeddings = scope.allocate(precision.dtype(), Shape.of(ids.length, spec.hidden()));
    int most = Math.min(ids.length, EMBEDDED_TOGETHER);
    try (Arena temporary = Arena.ofShared()) {
      Tensor buffer = Tensor.allocate(temporary, embedding.dtype(), Shape.of(most, spec.hidden()));
      for (int at = 0; at < ids.length; at += most) {
        Tensor rows = buffer.rows(0, Math.min(most, ids.length - at));
        copyEmbeddings(ids, at, rows, backend.workers());
        try (Scope one = backend.openScope()) {
          backend.copyRows(backend.toDevice(rows, precision.dtype(), one), embeddings, at);
        }
      }
    }
    double factor = spec.ends().embeddingScale();
    if (factor == 1) {
      return embeddings;
    }
    boolean rounded = spec.ends().roundedScale() && precision == Precision.BFLOAT16;
    return backend.scale(embeddings, rounded ? bfloat16((float) factor) : (float) factor, scope);
  }

  private void copyEmbeddings(int[] ids, int first, Tensor rows, Workers workers) {
    long rowBytes = embedding.byteSize() / spec.vocabulary();
    workers.forRange(
        rows.shape().rows(),
        ROWS_PER_TASK,
        (from, to) -> {
          for (long i = from; i < to; i++) {
            MemorySegment.copy(
                embedding.segment(),
                ids[first + (int) i] * rowBytes,
                rows.segment(),
                i * rowBytes,
                rowBytes);
          }
        });
  }

  /** The nearest bfloat16 to a positive number. */
  private static float bfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    return Float.intBitsToFloat((bits + 0x7FFF + ((bits >>> 16) & 1)) & 0xFFFF0000);
  }

  /**
   * The tokenizer of the checkpoint. It is read when first used; only then a missing or broken
   * {@code tokenizer.json} is an error.
   */
  @Override
  public Optional<TextEncoder> textEncoder() {
    return Optional.of(textEncoder);
  }

  /** The tokenizer of the checkpoint, which also decodes. */
  public HfTextEncoder tokenizer() {
    return textEncoder;
  }

  @Override
  public Optional<QuantizedTensor> storedCodes(Linear linear, Arena owner) {
    return stored.flatMap(quantization -> quantization.codes(linear, owner));
  }

  /** Names of the tensors that the weight of {@code linear} is read from. */
  public Set<String> weightTensors(Linear linear) {
    Set<String> codes = stored.map(quantization -> quantization.names(linear)).orElse(Set.of());
    return codes.isEmpty() ? Set.of(linear.weightName()) : codes;
  }

  @Override
  public Optional<Quantization> storedSecond(Linear linear) {
    return stored.flatMap(quantization -> quantization.second(linear));
  }

  @Override
  public Optional<Decisions> storedDecisions() {
    return stored.map(StoredQuantization::decisions);
  }

  /** Text from public-domain novels, 128 samples. */
  @Override
  public Optional<CalibrationData> bundledCalibrationData() {
    return Optional.of(BundledText.calibrationData());
  }

  /** Gives the mapping of the embedding back. */
  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
