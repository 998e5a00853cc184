package org.modelopt.models.advice;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * An accelerator as its maker's data sheet describes it.
 *
 * @param name short name, for example {@code H100}
 * @param architecture for example {@code Hopper}
 * @param memoryBytes memory, decimal gigabytes as marketed, in bytes
 * @param bytesPerSecond memory bandwidth
 * @param operationsPerSecond dense matrix operations per second (a multiplication and an addition
 *     are two) by number format; formats without matrix hardware are absent
 * @param source where the figures stand
 * @param price what an hour of it costs, if the catalogue knows
 */
public record Gpu(
    String name,
    String architecture,
    double memoryBytes,
    double bytesPerSecond,
    Map<String, Double> operationsPerSecond,
    String source,
    Optional<Price> price) {
  /**
   * A price found somewhere at some time.
   *
   * @param dollarsPerHour US dollars for one GPU for an hour
   * @param date year and month
   * @param source where it was found
   */
  public record Price(double dollarsPerHour, String date, String source) {}

  /** Copies the map, keeping its order. */
  public Gpu {
    operationsPerSecond = Collections.unmodifiableMap(new LinkedHashMap<>(operationsPerSecond));
  }

  /** Whether its matrix units multiply {@code format}, for example {@code NVFP4}. */
  public boolean multiplies(String format) {
    return operationsPerSecond.containsKey(format);
  }

  /** Rate of products in {@code format}, or in BF16 where it has no hardware for the format. */
  double rate(String format) {
    Double rate = operationsPerSecond.get(format);
    return rate != null ? rate : operationsPerSecond.getOrDefault("BF16", 0.0);
  }
}
