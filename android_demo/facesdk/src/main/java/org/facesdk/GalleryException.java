package org.facesdk;

import org.facesdk.annotation.NonNull;

/** A gallery cannot be opened, read or written. */
public final class GalleryException extends FaceSdkException {
    private static final long serialVersionUID = 1L;

    public GalleryException(@NonNull String message) {
        super(message);
    }
}
