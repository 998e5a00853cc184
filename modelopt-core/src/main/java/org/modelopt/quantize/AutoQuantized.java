package org.modelopt.quantize;

import org.modelopt.mixed.Mix;
import org.modelopt.mixed.Sensitivities;

/**
 * A model in mixed precision, and how it came about.
 *
 * @param model quantized by the config of {@code mix}
 * @param mix what was chosen
 * @param sensitivities what it was chosen from; other sizes can be asked of them
 */
public record AutoQuantized(QuantizedModel model, Mix mix, Sensitivities sensitivities) {}
