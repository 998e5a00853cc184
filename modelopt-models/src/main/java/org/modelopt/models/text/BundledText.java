package org.modelopt.models.text;

import java.io.FileNotFoundException;
import java.io.InputStream;
import java.util.zip.GZIPInputStream;
import org.modelopt.data.ByteSource;
import org.modelopt.data.CalibrationData;

/** Text for calibration that comes with the library. */
public final class BundledText {
  private BundledText() {}

  /** 128 passages of public-domain novels, of about 2,500 characters. */
  public static CalibrationData calibrationData() {
    return CalibrationData.jsonl(
        new ByteSource(
            "bundled text (128 passages of public-domain novels)",
            () -> {
              InputStream in = BundledText.class.getResourceAsStream("calibration.jsonl.gz");
              if (in == null) {
                throw new FileNotFoundException("no calibration.jsonl.gz in modelopt-models");
              }
              return new GZIPInputStream(in);
            }));
  }
}
