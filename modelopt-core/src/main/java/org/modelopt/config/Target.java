package org.modelopt.config;

/** The tensor of a module that a rule speaks of. */
public enum Target {
  /** Weight of a linear. */
  WEIGHT,
  /** Input of a linear. */
  INPUT,
  /** Keys and values that attention caches. */
  KV_CACHE
}
