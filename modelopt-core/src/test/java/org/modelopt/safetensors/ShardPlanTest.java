package org.modelopt.safetensors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.TensorInfo;

class ShardPlanTest {
  /** U8 tensors called a, b, c ... of these sizes. */
  private static List<TensorInfo> sizes(long... bytes) {
    List<TensorInfo> infos = new ArrayList<>();
    for (int i = 0; i < bytes.length; i++) {
      infos.add(new TensorInfo(String.valueOf((char) ('a' + i)), DType.U8, Shape.of(bytes[i])));
    }
    return infos;
  }

  /** Names in each shard, for example {@code [ab, c]}. */
  private static List<String> groups(ShardPlan plan) {
    return plan.shards().stream()
        .map(shard ->
            shard.layout().tensors().stream()
                .map(tensor -> tensor.info().name())
                .reduce("", String::concat))
        .toList();
  }

  @Test
  void whatFitsIsOneFileWithoutIndex() {
    ShardPlan plan = ShardPlan.of(sizes(5, 5), 10);
    assertEquals(List.of("ab"), groups(plan));
    assertEquals("model.safetensors", plan.shards().getFirst().fileName());
    assertEquals(Optional.empty(), plan.index());
  }

  @Test
  void shardsAreFilledInTheGivenOrder() {
    assertEquals(List.of("ab", "c", "de"), groups(ShardPlan.of(sizes(5, 5, 8, 3, 7), 10)));
  }

  @Test
  void aTensorAboveTheLimitGetsAShardBeforeTheOneBeingFilled() {
    assertEquals(List.of("b", "ac"), groups(ShardPlan.of(sizes(5, 11, 5), 10)));
    assertEquals(List.of("a"), groups(ShardPlan.of(sizes(11), 10)));
    assertEquals(List.of("a", "b"), groups(ShardPlan.of(sizes(11, 1), 10)));
  }

  @Test
  void noTensorsAreOneEmptyFile() {
    ShardPlan plan = ShardPlan.of(List.of(), 10);
    assertEquals(List.of(""), groups(plan));
    assertEquals("model.safetensors", plan.shards().getFirst().fileName());
  }

  @Test
  void emptyTensorsNeedNoRoom() {
    assertEquals(List.of("abc"), groups(ShardPlan.of(sizes(10, 0, 0), 10)));
  }

  @Test
  void shardsHaveFiveDigitNumbersAndAnIndex() {
    List<TensorInfo> tensors = new ArrayList<>(sizes(4, 4));
    tensors.add(new TensorInfo("\u00e9\uD83D\uDE00\u007f", DType.U8, Shape.of(3)));
    tensors.add(new TensorInfo("\uFFEE", DType.U8, Shape.of(1)));
    ShardPlan plan = ShardPlan.of(tensors.reversed(), 8);
    assertEquals(
        List.of("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
        plan.shards().stream().map(ShardPlan.Shard::fileName).toList());
    // Python: json.dumps({...}, indent=2, sort_keys=True) + "\n"
    assertEquals(
        """
        {
          "metadata": {
            "total_size": 12
          },
          "weight_map": {
            "a": "model-00002-of-00002.safetensors",
            "b": "model-00001-of-00002.safetensors",
            "\\u00e9\\ud83d\\ude00\\u007f": "model-00001-of-00002.safetensors",
            "\\uffee": "model-00001-of-00002.safetensors"
          }
        }
        """,
        plan.index().get());
    assertEquals(12, plan.tensorBytes());
  }

  @Test
  void sizesBeyondTwoToThe32AddUp() {
    ShardPlan plan = ShardPlan.of(sizes(5L << 30, 5L << 30, 5L << 30), 10L << 30);
    assertEquals(List.of("ab", "c"), groups(plan));
    assertEquals(15L << 30, plan.tensorBytes());
    long headers =
        plan.shards().stream()
            .map(shard -> shard.layout().tensors().getFirst().offset())
            .max(Comparator.naturalOrder())
            .get();
    assertTrue(plan.fileBytes() > 15L << 30 && plan.fileBytes() < (15L << 30) + 2 * headers);
  }

  @Test
  void aNameThatOccursInTwoShardsIsRefused() {
    List<TensorInfo> tensors = new ArrayList<>(sizes(9));
    tensors.addAll(sizes(9));
    assertThrows(IllegalArgumentException.class, () -> ShardPlan.of(tensors, 10));
  }

  @Test
  void aLimitOfNothingIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> ShardPlan.of(sizes(1), 0));
  }
}
