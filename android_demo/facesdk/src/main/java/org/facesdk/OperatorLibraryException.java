package org.facesdk;

import org.jetbrains.annotations.NotNull;

/**
 * The operators cannot be used, for example because FACESDK_OPS_ISA names an unknown kernel path.
 */
public final class OperatorLibraryException extends FaceSdkException {
    private static final long serialVersionUID = 1L;

    /** With the sentence that says why. */
    public OperatorLibraryException(@NotNull String message) {
        super(message);
    }
}
