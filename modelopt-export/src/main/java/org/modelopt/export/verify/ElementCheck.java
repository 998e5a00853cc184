package org.modelopt.export.verify;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.modelopt.export.verify.checkpoint.ExportTensor;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.export.verify.scheme.Decode;
import org.modelopt.export.verify.scheme.Part;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** Scales must be finite and positive, and no code may stand for NaN. */
final class ElementCheck {
  private static final Violation SCALE =
      new Violation(
          "scale that is not finite and positive",
          "zero removes the weights it belongs to, NaN and infinity spread to every output",
          "give blocks without content the scale 1");
  private static final Violation NAN =
      new Violation(
          "NaN among the codes",
          "one NaN makes every output of its row NaN",
          "saturate before the cast to E4M3; scales may be too small");

  private ElementCheck() {}

  static void run(Part part, ExportTensor stored, Tensor tensor, Findings findings) {
    switch (part.content()) {
      case CODES -> {
        if (tensor.dtype() == DType.F8_E4M3) {
          checkCodes(stored, tensor.segment(), findings);
        }
      }
      case SCALE -> checkScales(stored, tensor, findings);
      case OTHER -> {
        // Checked where its meaning is known.
      }
    }
  }

  private static void checkCodes(ExportTensor stored, MemorySegment codes, Findings findings) {
    long bad = 0;
    long first = -1;
    long size = codes.byteSize();
    for (long i = 0; i < size; i++) {
      // Eight codes at a time as long as none of them is NaN.
      while (i + 8 <= size && !hasNan(codes.get(ValueLayout.JAVA_LONG_UNALIGNED, i))) {
        i += 8;
      }
      if (i >= size) {
        break;
      }
      if ((codes.get(ValueLayout.JAVA_BYTE, i) & 0x7F) == 0x7F) {
        first = first < 0 ? i : first;
        bad++;
      }
    }
    if (bad > 0) {
      findings.error(
          NAN,
          stored.place(),
          "no code 0x7F or 0xFF",
          bad + " of them, the first at element " + first);
    }
  }

  /** Whether one of eight bytes is 0x7F but for its sign: then their difference has a zero byte. */
  private static boolean hasNan(long codes) {
    long difference = (codes & 0x7F7F7F7F7F7F7F7FL) ^ 0x7F7F7F7F7F7F7F7FL;
    return ((difference - 0x0101010101010101L) & ~difference & 0x8080808080808080L) != 0;
  }

  /** No scale may be zero, negative, infinite or NaN. */
  static void checkScales(ExportTensor stored, Tensor scales, Findings findings) {
    long bad = 0;
    long first = -1;
    for (long i = 0; i < scales.shape().elements(); i++) {
      float scale = Decode.scale(scales, i);
      if (!(scale > 0) || Float.isInfinite(scale)) {
        first = first < 0 ? i : first;
        bad++;
      }
    }
    if (bad > 0) {
      findings.error(
          SCALE,
          stored.place(),
          "finite and positive",
          "%d of %d are not; element %d is %s"
              .formatted(bad, scales.shape().elements(), first, Decode.scale(scales, first)));
    }
  }
}
