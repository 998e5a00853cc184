/**
 * Is an exported checkpoint what its consumer needs? {@link org.modelopt.export.verify.Verifier}
 * reads it back from disk and answers with a {@link
 * org.modelopt.export.verify.report.VerifyReport}.
 *
 * <pre>{@code
 * VerifyReport report =
 *     Verifier.verify(
 *         Path.of("out/llama-fp8"),
 *         VerifyOptions.of(Consumer.VLLM, Consumer.SGLANG).withOriginal(Path.of("Llama-3.1-8B")));
 * if (!report.passed()) {
 *   throw new ExportException(report.toText());
 * }
 * }</pre>
 *
 * <p>Checked are: the files ({@code checkpoint}), the configuration ({@code config}), what {@code
 * config.json} says the model consists of ({@code layout}) against the tensors that are there and
 * the format they are in ({@code scheme}), the exclusion lists as each consumer reads them ({@code
 * consumer}), and the values against the original ({@code value}).
 *
 * <p>The packages below share no code with the exporters on purpose.
 */
@NullMarked
package org.modelopt.export.verify;

import org.jspecify.annotations.NullMarked;
