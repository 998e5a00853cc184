package org.modelopt.data;

/**
 * One turn of a conversation.
 *
 * @param role who speaks: {@code system}, {@code user}, {@code assistant}, {@code tool}
 * @param content what is said
 */
public record ChatMessage(String role, String content) {}
