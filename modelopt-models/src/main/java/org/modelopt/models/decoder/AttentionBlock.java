package org.modelopt.models.decoder;

import java.util.Optional;

/** The first branch of a decoder block. */
public sealed interface AttentionBlock permits GroupedAttention, LatentAttention {
  /** Rotary embedding of queries and keys; empty for layers without positions. */
  Optional<RotarySpec> rotary();
}
