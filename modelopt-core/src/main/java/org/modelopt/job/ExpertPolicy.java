package org.modelopt.job;

/** What is done so that every expert of a mixture is decided for tokens that were seen. */
public enum ExpertPolicy {
  /**
   * An expert that saw no token is decided by what all experts of its layer saw, one that saw fewer
   * tokens than it has channels by the second moments of all. The report says which.
   */
  SHARE,
  /** A job with such an expert ends, and says which it was. */
  REFUSE,
  /**
   * While inputs are observed, every expert sees every token; what a layer gives to the next
   * remains that of the experts which the router chose. Takes as much longer as there are more
   * experts than a token is sent to.
   */
  ALL_TOKENS
}
