package org.facesdk;

import org.jetbrains.annotations.NotNull;

/** An operation needs a face and the frame has none, or not the one asked for. */
public final class NoFaceException extends InputException {
    private static final long serialVersionUID = 1L;

    /** With the sentence that says why. */
    public NoFaceException(@NotNull String message) {
        super(message);
    }
}
