/**
 * Tasks with known answers, read from files in the layouts in which they are published.
 *
 * <p>{@link org.modelopt.models.task.MultipleChoice} compares the likelihoods of answers (MMLU,
 * ARC, HellaSwag), {@link org.modelopt.models.task.Gsm8k} generates solutions and compares their
 * last number, {@link org.modelopt.models.task.HumanEval} writes code in the form in which its own
 * harness runs it: nothing is executed here.
 */
@NullMarked
package org.modelopt.models.task;

import org.jspecify.annotations.NullMarked;
