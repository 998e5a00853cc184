package org.modelopt.export.hf;

import org.modelopt.export.write.Piece.Maker;
import org.modelopt.job.LinearForm;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;

/**
 * One of the tensors that stand for a quantized linear.
 *
 * @param suffix name after the module and a dot
 * @param dtype type on disk
 * @param shape shape on disk
 * @param maker makes it from what was decided
 */
public record LinearTensor(String suffix, DType dtype, Shape shape, Maker<LinearForm> maker) {}
