package org.modelopt.export.hf;

import java.util.List;
import java.util.SequencedMap;
import org.modelopt.export.write.Piece;
import org.modelopt.job.LinearForm;
import org.modelopt.model.Linear;
import org.modelopt.tensor.TensorInfo;

/**
 * The tensors that stand for a stack of experts.
 *
 * @param infos what they are
 * @param pieces what is written for the linears of each expert
 */
record StackTensors(
    List<TensorInfo> infos, SequencedMap<List<Linear>, List<Piece<List<LinearForm>>>> pieces) {}
