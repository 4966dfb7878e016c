package org.facesdk;

import org.facesdk.annotation.NonNull;

/** An operation needs a face and the frame has none, or not the one asked for. */
public final class NoFaceException extends InputException {
    private static final long serialVersionUID = 1L;

    public NoFaceException(@NonNull String message) {
        super(message);
    }
}
