package org.facesdk;

import org.facesdk.annotation.NonNull;

/** A frame, a crop, a vector or an option is not usable. */
public class InputException extends FaceSdkException {
    private static final long serialVersionUID = 1L;

    public InputException(@NonNull String message) {
        super(message);
    }
}
