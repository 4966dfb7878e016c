package org.facesdk;

import org.facesdk.annotation.NonNull;

/** Base of all errors that facesdk raises on purpose; the message is one line that says what to do. */
public class FaceSdkException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    FaceSdkException(@NonNull String message) {
        super(message);
    }
}
