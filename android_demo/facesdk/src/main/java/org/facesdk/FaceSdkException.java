package org.facesdk;

import org.jetbrains.annotations.NotNull;

/**
 * Base of all errors that facesdk raises on purpose; the message is one line that says what to do.
 */
public class FaceSdkException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    FaceSdkException(@NotNull String message) {
        super(message);
    }
}
