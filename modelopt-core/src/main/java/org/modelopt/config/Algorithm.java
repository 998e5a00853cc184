package org.modelopt.config;

/**
 * How scales, and for some algorithms codes, are found. Every record has a constructor without
 * arguments that gives the usual settings; its components are numbers and flags only, so that
 * recipes can name them.
 */
public sealed interface Algorithm {
  /** Whether deciding weights needs to see what the linears read. */
  default boolean needsInputs() {
    return true;
  }

  /** Whether that includes second moments of the inputs, {@code in x in} per input group. */
  default boolean needsSecondMoments() {
    return needsInputs();
  }

  /** Scales from the largest magnitude seen; weights from their own largest magnitude. */
  record Max() implements Algorithm {
    @Override
    public boolean needsInputs() {
      return false;
    }
  }

  /**
   * Weight scales that minimise the squared error of the weight, among multiples of amax.
   *
   * @param start smallest multiple
   * @param stop largest multiple
   * @param step distance of multiples
   */
  record Mse(double start, double stop, double step) implements Algorithm {
    /** Multiples 0.25 to 4.0 in steps of 0.1. */
    public Mse() {
      this(0.25, 4.0, 0.1);
    }

    /** Checks the grid. */
    public Mse {
      require(start > 0 && start <= stop, "start", "above 0 and not above stop", start);
      require(step > 0, "step", "above 0", step);
    }

    @Override
    public boolean needsInputs() {
      return false;
    }
  }

  /** NVFP4 block scales by trying every E4M3 value; smallest squared error of the block. */
  record ScaleSweep() implements Algorithm {
    @Override
    public boolean needsInputs() {
      return false;
    }
  }

  /** NVFP4 blocks scaled to a largest code of 6 or of 4, whichever has the smaller error. */
  record FourOverSix() implements Algorithm {
    @Override
    public boolean needsInputs() {
      return false;
    }
  }

  /** Like {@link ScaleSweep}, errors weighted by the inputs' second moments within the block. */
  record LocalHessian() implements Algorithm {}

  /**
   * Moves the magnitude of outlying input channels into the weights.
   *
   * @param alpha how much of it, 0 to 1
   */
  record SmoothQuant(double alpha) implements Algorithm {
    /** All of it. */
    public SmoothQuant() {
      this(1.0);
    }

    /** Checks the range. */
    public SmoothQuant {
      require(alpha >= 0 && alpha <= 1, "alpha", "0 to 1", alpha);
    }

    @Override
    public boolean needsSecondMoments() {
      return false;
    }
  }

  /**
   * Activation-aware scaling of input channels.
   *
   * @param alphaStep distance of the exponents tried between 0 and 1
   */
  record AwqLite(double alphaStep) implements Algorithm {
    /** Steps of 0.1. */
    public AwqLite() {
      this(0.1);
    }

    /** Checks the range. */
    public AwqLite {
      require(alphaStep > 0 && alphaStep <= 1, "alpha_step", "above 0, at most 1", alphaStep);
    }
  }

  /**
   * Clips block maxima where that lowers the output error.
   *
   * @param minClipRatio smallest share of the maximum tried
   * @param shrinkStep distance of shares tried
   */
  record AwqClip(double minClipRatio, double shrinkStep) implements Algorithm {
    /** 0.5 to 1 in steps of 0.05. */
    public AwqClip() {
      this(0.5, 0.05);
    }

    /** Checks the ranges. */
    public AwqClip {
      require(
          minClipRatio > 0 && minClipRatio <= 1,
          "min_clip_ratio",
          "above 0, at most 1",
          minClipRatio);
      require(shrinkStep > 0 && shrinkStep <= 1, "shrink_step", "above 0, at most 1", shrinkStep);
    }
  }

  /**
   * {@link AwqLite}, then {@link AwqClip}.
   *
   * @param alphaStep distance of the exponents tried
   * @param minClipRatio smallest share of the maximum tried
   * @param shrinkStep distance of shares tried
   */
  record AwqFull(double alphaStep, double minClipRatio, double shrinkStep) implements Algorithm {
    /** The usual settings of both. */
    public AwqFull() {
      this(0.1, 0.5, 0.05);
    }

    /** Checks the ranges. */
    public AwqFull {
      require(alphaStep > 0 && alphaStep <= 1, "alpha_step", "above 0, at most 1", alphaStep);
      require(
          minClipRatio > 0 && minClipRatio <= 1,
          "min_clip_ratio",
          "above 0, at most 1",
          minClipRatio);
      require(shrinkStep > 0 && shrinkStep <= 1, "shrink_step", "above 0, at most 1", shrinkStep);
    }
  }

  /**
   * A branch of low rank in high precision beside a smoothed and quantized weight.
   *
   * @param rank columns of the branch
   */
  record SvdQuant(int rank) implements Algorithm {
    /** Rank 32. */
    public SvdQuant() {
      this(32);
    }

    /** Checks the rank. */
    public SvdQuant {
      require(rank > 0, "rank", "above 0", rank);
    }
  }

  /**
   * Rounds column after column and moves each column's error to the columns that follow.
   *
   * @param damping share of the mean diagonal added to the second moments
   * @param actOrder whether columns are taken in the order of their importance
   * @param sequential whether a layer is decided for what the quantized layers before it give,
   *     which takes a second run of each layer, instead of what they gave unquantized
   */
  record Gptq(double damping, boolean actOrder, boolean sequential) implements Algorithm {
    /** Damping 0.01, columns in the order in which they stand, layer after quantized layer. */
    public Gptq() {
      this(0.01, false, true);
    }

    /** Checks the range. */
    public Gptq {
      require(damping >= 0 && damping <= 1, "damping", "0 to 1", damping);
    }
  }

  /**
   * Scales input channels by a search that counts the errors of weights and inputs, searches weight
   * scales, and rounds with error feedback; each where it is asked for.
   *
   * @param alphaStep distance of the exponents tried between 0 and 1; 0 leaves channels alone
   * @param searchScales whether scales of weights are searched for the least output error
   * @param feedback whether weights are rounded by {@link Gptq}, in the order of importance
   * @param damping share of the mean diagonal added to the second moments
   * @param sequential as in {@link Gptq}
   * @param rotation channels that are rotated together at run time before they are quantized, by a
   *     Hadamard matrix; 0 for none
   */
  record Tuned(
      double alphaStep,
      boolean searchScales,
      boolean feedback,
      double damping,
      boolean sequential,
      int rotation)
      implements Algorithm {
    /** Everything but rotation: steps of 0.05, damping 0.01. */
    public Tuned() {
      this(0.05, true, true, 0.01, true, 0);
    }

    /** Checks the ranges. */
    public Tuned {
      require(alphaStep >= 0 && alphaStep <= 1, "alpha_step", "0 to 1", alphaStep);
      require(damping >= 0 && damping <= 1, "damping", "0 to 1", damping);
      require(rotation >= 0, "rotation", "0 or a block size", rotation);
    }
  }

  /**
   * Inputs are covered up to a percentile of their magnitudes; weights by {@link Max}.
   *
   * @param percent above 0, at most 100
   */
  record Percentile(double percent) implements Algorithm {
    /** 99.99. */
    public Percentile() {
      this(99.99);
    }

    /** Checks the range. */
    public Percentile {
      require(percent > 0 && percent <= 100, "percent", "above 0, at most 100", percent);
    }

    @Override
    public boolean needsSecondMoments() {
      return false;
    }
  }

  /** Inputs are covered where least information is lost (KL divergence); weights by {@link Max}. */
  record Entropy() implements Algorithm {
    @Override
    public boolean needsSecondMoments() {
      return false;
    }
  }

  /** Inputs are covered for their least squared error; weights by {@link Max}. */
  record HistogramMse() implements Algorithm {
    @Override
    public boolean needsSecondMoments() {
      return false;
    }
  }

  private static void require(boolean holds, String name, String allowed, double value) {
    if (!holds) {
      throw new IllegalArgumentException(name + " must be " + allowed + " but is " + value);
    }
  }
}
