/** Where it goes: checkpoint layouts of inference engines, and the verifier of each. */
@NullMarked
package org.modelopt.export;

import org.jspecify.annotations.NullMarked;
