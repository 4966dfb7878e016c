package org.facesdk;

import org.jetbrains.annotations.NotNull;

/** A gallery cannot be opened, read or written. */
public final class GalleryException extends FaceSdkException {
    private static final long serialVersionUID = 1L;

    /** With the sentence that says why. */
    public GalleryException(@NotNull String message) {
        super(message);
    }
}
