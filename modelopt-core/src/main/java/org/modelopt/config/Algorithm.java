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
   * @param blockColumns columns whose updates are gathered into one matrix product
   * @param actOrder whether columns are taken in the order of their importance
   */
  record Gptq(double damping, int blockColumns, boolean actOrder) implements Algorithm {
    /** Damping 0.01, 128 columns, in the order in which they stand. */
    public Gptq() {
      this(0.01, 128, false);
    }

    /** Checks the ranges. */
    public Gptq {
      require(damping >= 0 && damping <= 1, "damping", "0 to 1", damping);
      require(blockColumns > 0, "block_columns", "above 0", blockColumns);
    }
  }

  private static void require(boolean holds, String name, String allowed, double value) {
    if (!holds) {
      throw new IllegalArgumentException(name + " must be " + allowed + " but is " + value);
    }
  }
}
