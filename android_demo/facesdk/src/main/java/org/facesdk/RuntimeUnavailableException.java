package org.facesdk;

import org.facesdk.annotation.NonNull;

/** The app brings no TensorFlow Lite (LiteRT) runtime, or one that lacks a function. */
public final class RuntimeUnavailableException extends FaceSdkException {
    private static final long serialVersionUID = 1L;

    public RuntimeUnavailableException(@NonNull String message) {
        super(message);
    }
}
