package org.modelopt.config;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.NonFinite;
import org.modelopt.numeric.NumberFormat;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Rounding;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.numeric.ScaleRule;

class RecipesProperties {
  @Property(tries = 300)
  void anyConfigReadsBackAsItself(@ForAll("configs") Config config) {
    assertEquals(config, Recipes.parse(Recipes.write(config), "recipe"));
  }

  @Provide
  Arbitrary<Config> configs() {
    Arbitrary<Rule> rules =
        Combinators.combine(
                Arbitraries.strings()
                    .ofMaxLength(12)
                    .filter(text -> text.indexOf('[') < 0)
                    .filter(text -> text.chars().noneMatch(c -> Character.isSurrogate((char) c))),
                Arbitraries.of(Target.class).set().ofMinSize(1),
                specs().optional(),
                Arbitraries.of(true, false))
            .as(Rule::new);
    return Combinators.combine(
            Arbitraries.strings().alpha().numeric().ofMinLength(1),
            rules.list().ofMaxSize(5),
            algorithms(),
            Combinators.combine(
                    Arbitraries.of(Arithmetic.class),
                    Arbitraries.oneOf(
                        Arbitraries.just(Rounding.nearestEven()),
                        Arbitraries.longs().map(Rounding::stochastic)),
                    Arbitraries.of(NonFinite.class))
                .as(Conversion::new))
        .as(Config::new);
  }

  private static Arbitrary<Algorithm> algorithms() {
    Arbitrary<Double> share = Arbitraries.doubles().between(0.001, 1).ofScale(6);
    return Arbitraries.oneOf(
        List.of(
            Arbitraries.of(
                new Algorithm.Max(),
                new Algorithm.ScaleSweep(),
                new Algorithm.FourOverSix(),
                new Algorithm.LocalHessian(),
                new Algorithm.SvdQuant(7)),
            share.map(Algorithm.SmoothQuant::new),
            share.map(step -> new Algorithm.Mse(step, step + 1, step)),
            share.map(step -> new Algorithm.AwqFull(step, step / 2, step / 3)),
            share.map(damping -> new Algorithm.Gptq(damping, true, false))));
  }

  private static Arbitrary<QuantSpec> specs() {
    Arbitrary<NumberFormat> formats =
        Arbitraries.oneOf(
            List.of(
                Arbitraries.of(FloatFormat.E5M2, FloatFormat.E2M1, FloatFormat.E4M3),
                Combinators.combine(
                        Arbitraries.integers().between(2, 8), Arbitraries.of(IntFormat.Range.class))
                    .as(IntFormat::new)));
    Arbitrary<Granularity> sharing =
        Arbitraries.oneOf(
            List.of(
                Arbitraries.of(Set.of(Granularity.perTensor(), Granularity.perToken())),
                Arbitraries.integers().between(1, 512).map(Granularity::block),
                Arbitraries.integers().between(1, 512).map(n -> Granularity.block2d(n, 2 * n))));
    return Combinators.combine(
            formats,
            sharing,
            Arbitraries.of(ScaleFormat.class),
            Arbitraries.of(ScaleRule.class),
            Arbitraries.of(true, false))
        .as(QuantSpec::new)
        .ignoreException(IllegalArgumentException.class); // parts that do not fit each other
  }

  @Property
  void distanceIsSymmetricAndZeroOnlyForEqualTexts(@ForAll String a, @ForAll String b) {
    assertEquals(Nearest.distance(a, b), Nearest.distance(b, a));
    assertEquals(a.equals(b), Nearest.distance(a, b) == 0);
    assertEquals(Optional.of(a), Nearest.of(a, List.of(a)));
  }
}
