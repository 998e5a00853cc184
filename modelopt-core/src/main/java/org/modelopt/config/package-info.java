/**
 * What is asked for: which modules get which format.
 *
 * <p>A {@link org.modelopt.config.Config} is an immutable list of {@link org.modelopt.config.Rule}s
 * and an {@link org.modelopt.config.Algorithm}; presets are constants named as in the reference
 * implementation. {@link org.modelopt.config.Plan} holds a config against a model before any work:
 * which module gets what, and which rule fits nothing.
 *
 * <pre>{@code
 * Config config = Config.FP8_DEFAULT.withoutModules("*down_proj").withKvCache(QuantSpec.FP8);
 * }</pre>
 */
@NullMarked
package org.modelopt.config;

import org.jspecify.annotations.NullMarked;
