package org.modelopt.export.verify.scheme;

/** The group of each input, which formats keep where inputs were quantized in another order. */
final class GroupIndex {
  private GroupIndex() {}

  /** Groups in order: 0 for the first {@code group} inputs, and so on; 0 for one group. */
  static int[] inOrder(int inputs, int group) {
    int[] groups = new int[inputs];
    for (int i = 0; i < inputs; i++) {
      groups[i] = group == 0 ? 0 : i / group;
    }
    return groups;
  }

  /** Every group must have its inputs; and they must be in order unless {@code reordered}. */
  static void inspect(
      String suffix, int[] groups, int group, boolean reordered, Inspection.Problems problems) {
    int[] expected = inOrder(groups.length, group);
    int count = groups.length == 0 ? 0 : expected[groups.length - 1] + 1;
    int[] sizes = new int[count];
    for (int i = 0; i < groups.length; i++) {
      if (groups[i] < 0 || groups[i] >= count) {
        problems.add(suffix, "groups from 0 to " + (count - 1), groups[i] + " for input " + i);
        return;
      }
      if (!reordered && groups[i] != expected[i]) {
        problems.add(
            suffix, "groups in order without desc_act", "%d for input %d".formatted(groups[i], i));
        return;
      }
      sizes[groups[i]]++;
    }
    for (int g = 0; g < count; g++) {
      int wanted = group == 0 ? groups.length : Math.min(group, groups.length - g * group);
      if (sizes[g] != wanted) {
        problems.add(
            suffix,
            "%d inputs in each group".formatted(wanted),
            "%d in group %d".formatted(sizes[g], g));
        return;
      }
    }
  }
}
