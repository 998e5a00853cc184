package org.modelopt.job;

import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Scope;
import org.modelopt.error.ModelOptException;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.tensor.Tensor;

/** The parameters of one layer on a pass's device, in its precision; closing gives them back. */
public final class LayerParameters implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final Scope scope;
  private final Map<String, Tensor> tensors = new HashMap<>();
  private final Map<String, Tensor> stored = new HashMap<>();
  private final Map<String, LinearForm.Branch> branches = new HashMap<>();

  /** A tensor that never changes; it is held, so that its address stays its own. */
  private record Constant(Tensor host, Tensor device) {}

  private final Map<Long, Constant> constants = new HashMap<>();

  private LayerParameters(Scope scope) {
    this.scope = scope;
  }

  /**
   * Brings the parameters of {@code layer} to the device; weights that the pass simulates as
   * quantized hold what their codes stand for.
   *
   * @throws org.modelopt.error.CheckpointException if a tensor is missing or cannot be read
   * @throws org.modelopt.error.DeviceException if they do not fit the device
   */
  public static LayerParameters load(Model model, Layer layer, Pass pass) {
    LayerParameters loaded = new LayerParameters(pass.backend().openScope());
    try {
      for (InputGroup group : layer.inputGroups()) {
        for (Linear linear : group.linears()) {
          loaded.add(model, linear, pass);
        }
      }
      for (String name : layer.parameterNames()) {
        loaded.add(model, name, pass);
      }
      return loaded;
    } catch (RuntimeException | Error e) {
      loaded.close();
      throw e;
    }
  }

  private void add(Model model, Linear linear, Pass pass) {
    boolean plain = pass.simulated().weight(linear.name()).isEmpty();
    if (plain) { // mapped memory may then take part in products without a copy
      Tensor weight = Weights.open(model, linear, pass, arena);
      Tensor device = pass.backend().toDevice(weight, pass.precision().dtype(), scope);
      tensors.put(linear.name(), device);
      stored.put(linear.name(), weight);
      if (device.dtype() == weight.dtype()) {
        pass.backend().represent(weight, device);
      }
      if (linear.hasBias()) {
        add(model, linear.biasName(), pass);
      }
      return;
    }
    try (Arena temporary = Arena.ofShared()) {
      LinearForm form = Weights.form(model, linear, pass.simulated(), pass, temporary);
      tensors.put(linear.name(), copied(Weights.simulated(form, pass, temporary), pass));
      form.bias().ifPresent(bias -> tensors.put(linear.biasName(), copied(bias, pass)));
      form.branch()
          .ifPresent(branch ->
              branches.put(
                  linear.name(),
                  new LinearForm.Branch(copied(branch.down(), pass), copied(branch.up(), pass))));
    }
  }

  /** A device tensor that does not share memory with {@code host}. */
  private Tensor copied(Tensor host, Pass pass) {
    Tensor device = pass.backend().toDevice(host, pass.precision().dtype(), scope);
    if (device != host) {
      return device;
    }
    Tensor copy = scope.allocate(host.dtype(), host.shape());
    copy.segment().copyFrom(host.segment());
    return copy;
  }

  private void add(Model model, String name, Pass pass) {
    Tensor stored = Weights.parameter(model, name, pass.simulated(), pass, arena);
    tensors.put(name, pass.backend().toDevice(stored, pass.precision().dtype(), scope));
  }

  /** What is added to the product of {@code linear}, if anything. */
  Optional<LinearForm.Branch> branch(Linear linear) {
    return Optional.ofNullable(branches.get(linear.name()));
  }

  /** The weight of {@code linear} as it is stored, if nothing was simulated. */
  Optional<Tensor> stored(Linear linear) {
    return Optional.ofNullable(stored.get(linear.name()));
  }

  /** A host tensor that never changes on the device, brought there once. */
  Tensor constant(Tensor host, Backend backend) {
    long address = host.segment().address();
    Constant known = constants.get(address);
    if (known == null || !known.host.shape().equals(host.shape())) {
      known = new Constant(host, backend.toDevice(host, host.dtype(), scope));
      constants.put(address, known);
    }
    return known.device;
  }

  /** Weight of {@code linear}. */
  Tensor weight(Linear linear) {
    return get(linear.name());
  }

  /** The parameter whose stored tensor is called {@code name}. */
  Tensor get(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new ModelOptException(
          "parameter " + name + " is not among those its layer declared: " + tensors.keySet());
    }
    return tensor;
  }

  @Override
  public void close() {
    scope.close();
    arena.close();
  }
}
