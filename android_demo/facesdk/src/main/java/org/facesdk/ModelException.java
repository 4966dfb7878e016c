package org.facesdk;

import org.jetbrains.annotations.NotNull;

/** A model file is missing, corrupt, or not of the kind that was asked for. */
public class ModelException extends FaceSdkException {
    private static final long serialVersionUID = 1L;

    /** With the sentence that says why. */
    public ModelException(@NotNull String message) {
        super(message);
    }
}
