package org.modelopt.job;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.modelopt.compute.Scope;
import org.modelopt.model.Layer;
import org.modelopt.model.Model;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * A language model with the parameters of all its layers on the device, for producing text token by
 * token. Where weights are mapped and need no conversion, they take no memory of their own. Used by
 * one thread at a time.
 */
public final class Session implements AutoCloseable {
  private final Model model;
  private final Pass pass;
  private final List<LayerParameters> parameters = new ArrayList<>();

  private Session(Model model, Pass pass) {
    this.model = model;
    this.pass = pass;
  }

  /**
   * Loads all layers of {@code model}; {@code pass} says where and what is simulated.
   *
   * @throws org.modelopt.error.DeviceException if they do not fit the device
   */
  public static Session open(Model model, Pass pass) {
    Session session = new Session(model, pass);
    try {
      for (Layer layer : model.layers()) {
        session.parameters.add(LayerParameters.load(model, layer, pass));
      }
      return session;
    } catch (RuntimeException | Error e) {
      session.close();
      throw e;
    }
  }

  /**
   * A new sequence with a cache of keys and values, so that each token runs once.
   *
   * @param capacity tokens it may grow to
   */
  public Sequence begin(int capacity) {
    return new Sequence(new KeyValueCache(pass.backend(), capacity));
  }

  /** Logits F32 {@code [t, vocabulary]}, row-major, of tokens run at once without a cache. */
  public float[] logits(int... tokens) {
    return run(Optional.empty(), false, tokens);
  }

  /** A text that grows; closing gives its cache back. */
  public final class Sequence implements AutoCloseable {
    private final KeyValueCache cache;

    private Sequence(KeyValueCache cache) {
      this.cache = cache;
    }

    /** Tokens so far. */
    public int tokens() {
      return cache.tokens();
    }

    /**
     * Appends tokens.
     *
     * @return logits {@code [vocabulary]} of what follows the last of them
     * @throws IllegalArgumentException if there are none or too many
     */
    public float[] append(int... tokens) {
      return append(true, tokens);
    }

    /**
     * Appends tokens.
     *
     * @return logits {@code [t, vocabulary]}, row-major, of what follows each of them
     * @throws IllegalArgumentException if there are none or too many
     */
    public float[] appendAll(int... tokens) {
      return append(false, tokens);
    }

    private float[] append(boolean lastOnly, int... tokens) {
      if (tokens.length == 0 || cache.tokens() + tokens.length > cache.capacity()) {
        throw new IllegalArgumentException(
            "%d tokens cannot be appended to %d of at most %d"
                .formatted(tokens.length, cache.tokens(), cache.capacity()));
      }
      float[] logits = run(Optional.of(cache), lastOnly, tokens);
      cache.advance(tokens.length);
      return logits;
    }

    @Override
    public void close() {
      cache.close();
    }
  }

  /** The head, which is the last layer and works row by row, runs on the last row if asked to. */
  private float[] run(Optional<KeyValueCache> cache, boolean lastOnly, int... tokens) {
    try (Scope whole = pass.backend().openScope();
        Arena arena = Arena.ofConfined()) {
      Tensor ids = Tensor.ofInts(arena, Shape.of(tokens.length), tokens);
      Tensor x = model.input(ids, pass.precision(), pass.backend(), whole);
      List<Layer> layers = model.layers();
      List<Scope> open = new ArrayList<>();
      try {
        for (int i = 0; i < layers.size(); i++) {
          Scope scope = pass.backend().openScope();
          open.add(scope);
          if (lastOnly && i == layers.size() - 1) {
            x = x.rows(tokens.length - 1L, tokens.length);
          }
          int rows = Math.toIntExact(x.shape().dim(0));
          x =
              layers
                  .get(i)
                  .forward(x, new ForwardPass(pass, parameters.get(i), scope, cache, 0, rows));
          if (open.size() > 1) {
            open.removeFirst().close(); // the input of this layer is used up
          }
        }
        return pass.backend().toHost(x, open.getLast()).toFloats();
      } finally {
        open.forEach(Scope::close);
      }
    }
  }

  @Override
  public void close() {
    parameters.forEach(LayerParameters::close);
  }
}
