package org.facesdk;

import org.jetbrains.annotations.NotNull;

/** The app brings no TensorFlow Lite (LiteRT) runtime, or one that lacks a function. */
public final class RuntimeUnavailableException extends FaceSdkException {
    private static final long serialVersionUID = 1L;

    /** With the sentence that says why. */
    public RuntimeUnavailableException(@NotNull String message) {
        super(message);
    }
}
