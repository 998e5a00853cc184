package org.modelopt.export.write;

/**
 * Where bytes go.
 *
 * @param file number of the file within {@link CheckpointFiles}
 * @param tensor name of the tensor in that file
 * @param offset bytes from the start of the tensor
 */
public record Place(int file, String tensor, long offset) {
  /** The start of a tensor of a checkpoint with one set of names. */
  public static Place of(String tensor) {
    return new Place(0, tensor, 0);
  }
}
