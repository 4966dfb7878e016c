package org.facesdk;

import org.jetbrains.annotations.NotNull;

/** A frame, a crop, a vector or an option is not usable. */
public class InputException extends FaceSdkException {
    private static final long serialVersionUID = 1L;

    /** With the sentence that says why. */
    public InputException(@NotNull String message) {
        super(message);
    }
}
