package org.modelopt.models.advice;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.modelopt.error.ConfigException;

/**
 * Llama-3.1-70B by hand. A layer's linears: q and o 8192 x 8192, k and v 1024 x 8192, three of
 * 28672 x 8192, together 855,638,016; 80 layers 68,451,041,280. Embedding and head 2 x 128256 x
 * 8192, 161 norms of 8192: 2,102,665,216. In all 70,553,706,496.
 */
class AdvisorTest {
  private static final long LINEARS = 68_451_041_280L;
  private static final long REST = 2_102_665_216L;

  private static Blueprint llama70b() {
    try {
      return Blueprint.read(
          Path.of(
              Objects.requireNonNull(
                      AdvisorTest.class.getResource("Llama-3.1-70B/config.json"), "config.json")
                  .toURI()));
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Advisor advisor(String gpu, int gpus, int concurrency) {
    return new Advisor(
        llama70b(),
        GpuCatalogue.find(gpu),
        new Workload(gpus, 4096, concurrency, 16),
        OptionalDouble.empty());
  }

  @Test
  void parametersAndCacheOfLlama70bAreCountedFromItsConfig() {
    Blueprint model = llama70b();
    assertEquals("Llama-3.1-70B", model.name());
    assertEquals(LINEARS + REST, model.parameters());
    assertEquals(2 * 8 * 128 * 80, model.cacheElementsPerToken());
    // The head multiplies too; the embedding is looked up.
    assertEquals(LINEARS + 128256.0 * 8192, model.multipliedParameters());
  }

  /** Head, embedding and norms stay at 16 bits; INT8 has a scale per row of a weight. */
  @ParameterizedTest
  @CsvSource({
    "BF16, 16, 0",
    "FP8, 8, 0",
    // rows per layer 8192 * 3 + 1024 * 2 + 28672 * 2, two bytes each
    "INT8, 8, 13434880",
    "INT4, 4.125, 0",
    "NVFP4, 4.5, 0",
    "MXFP4, 4.25, 0"
  })
  void weightsTakeWhatTheFormatSays(String format, double bits, long scaleBytes) {
    Estimate estimate = estimate(advisor("B200", 1, 1), format);
    assertEquals(LINEARS * bits / 8 + 2.0 * REST + scaleBytes, estimate.weightBytes(), 1e3);
  }

  @Test
  void memoryDecidesWhatFitsAndHowManySequences() {
    // 80 GB * 0.9 = 72 GB; FP8 weights are 72.66 GB.
    assertFalse(estimate(advisor("H100", 1, 64), "FP8").fits());
    Estimate int4 = estimate(advisor("H100", 1, 64), "INT4");
    // (72e9 - 39.5029e9) / 327,680 bytes = 99,173 tokens, 24 sequences of 4096.
    assertEquals(
        (72e9 - (LINEARS * 4.125 / 8 + 2.0 * REST)) / 327_680, (double) int4.cacheTokens(), 1);
    assertEquals(24, int4.batch());
    assertFalse(estimate(advisor("H200", 1, 64), "BF16").fits(), "141.1 GB in 126.9 GB");
    assertTrue(estimate(advisor("B200", 1, 64), "BF16").fits(), "141.1 GB in 162 GB");
  }

  /** FP8 on two H100, 16 sequences: (72.656e9 + 16 * 4096 * 327,680) bytes at 2 * 3.35e12 * 0.6. */
  @Test
  void decodingIsBoundByReadingWeightsAndCache() {
    Estimate estimate = estimate(advisor("H100", 2, 16), "FP8");
    double bytes = LINEARS + 2.0 * REST + 16 * 4096 * 327_680.0;
    double rate = 16 / (bytes / (2 * 3.35e12 * 0.6));
    assertEquals(rate, estimate.tokensPerSecond(), rate * 1e-9);
    assertEquals(683.3, rate, 0.1);
    // Two GPUs at 2.95 dollars: 5.90 / (683.3 * 3600) * 1e6.
    assertEquals(2.398, estimate.dollarsPerMillionTokens().orElseThrow(), 0.001);
  }

  @Test
  void costFollowsPriceAndRate() {
    assertEquals(1.0, Advisor.dollarsPerMillion(3.6, 1000), 1e-12);
  }

  @ParameterizedTest
  @CsvSource({
    "B200, 1, 64, NVFP4",
    "H100, 8, 64, FP8",
    "H200, 1, 64, FP8",
    "H100, 1, 8, INT4",
    "A100, 4, 64, INT8",
    "A100, 4, 4, INT4",
    "MI355X, 1, 64, FP8"
  })
  void recommendsAsAPractitionerWould(String gpu, int gpus, int concurrency, String format) {
    assertEquals(format, advisor(gpu, gpus, concurrency).recommend().orElseThrow().format().name());
  }

  @Test
  void recommendsNothingThatDoesNotFit() {
    assertTrue(advisor("L4", 1, 1).recommend().isEmpty());
  }

  /** A mixture reads few experts for one sequence and nearly all for many. */
  @Test
  void aMixtureReadsTheExpertsThatItsTokensMeet() {
    Blueprint.Footprint weights = new Blueprint.Footprint(100, 80);
    assertEquals(20 + 80 * 0.25, weights.read(1, 8, 2), 1e-9);
    assertEquals(100, weights.read(64, 8, 2), 1e-5);
    assertEquals(100, weights.read(1, 1, 1), 0);
  }

  @Test
  void unknownGpusAreRefusedWithTheKnownOnes() {
    ConfigException e = assertThrows(ConfigException.class, () -> GpuCatalogue.find("H900"));
    assertTrue(e.getMessage().contains("H100, H200"), e.getMessage());
    assertEquals("RTX-4090", GpuCatalogue.find("rtx 4090").name());
  }

  @Test
  void everyGpuOfTheCatalogueNamesItsSource() {
    List<Gpu> all = GpuCatalogue.all();
    assertTrue(all.size() >= 13);
    for (Gpu gpu : all) {
      assertFalse(gpu.source().isBlank(), gpu.name());
      assertTrue(gpu.multiplies("BF16"), gpu.name());
      gpu.price().ifPresent(price -> assertTrue(price.date().matches("20\\d\\d-\\d\\d")));
    }
  }

  private static Estimate estimate(Advisor advisor, String format) {
    return advisor.estimates().stream()
        .filter(estimate -> estimate.format().name().equals(format))
        .findFirst()
        .orElseThrow();
  }
}
