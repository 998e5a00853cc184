package org.modelopt.export.verify.report;

/**
 * How far one exported weight is from the original, after dequantisation and after factors that
 * calibration moved between layers were undone.
 *
 * @param tensor name of the weight in the original checkpoint
 * @param format the storage it was read from
 * @param relative ‖export − original‖ / ‖original‖ (Frobenius norms)
 * @param max largest absolute difference of one element
 * @param sqnrDecibel signal to quantization noise, −20·log10(relative); infinite if equal
 * @param bound the largest relative error that the format explains
 */
public record TensorError(
    String tensor, String format, double relative, double max, double sqnrDecibel, double bound) {}
