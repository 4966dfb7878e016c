package org.facesdk;

import org.facesdk.annotation.NonNull;

/** The operators cannot be used, for example because FACESDK_OPS_ISA names an unknown kernel path. */
public final class OperatorLibraryException extends FaceSdkException {
    private static final long serialVersionUID = 1L;

    public OperatorLibraryException(@NonNull String message) {
        super(message);
    }
}
