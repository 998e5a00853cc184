package org.modelopt.decision;

/**
 * A product of low rank in high precision beside a quantized weight W: {@code y = q(x) Wᵀ + (x
 * downᵀ) upᵀ}, x after the pre-quant scale and before quantization.
 *
 * @param down {@code [rank, in]}, in the model's type
 * @param up {@code [out, rank]}, in the model's type
 */
public record LowRankBranch(StoredTensor down, StoredTensor up) {}
