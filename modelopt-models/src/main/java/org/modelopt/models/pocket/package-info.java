/**
 * A small trained model inside the library, for demonstrations and tests.
 *
 * <p>{@link org.modelopt.models.pocket.PocketModel} writes it to a directory, from where it is
 * loaded like any other checkpoint:
 *
 * <pre>{@code
 * try (HfModel model = Models.load(PocketModel.extract(directory))) { … }
 * }</pre>
 */
@NullMarked
package org.modelopt.models.pocket;

import org.jspecify.annotations.NullMarked;
