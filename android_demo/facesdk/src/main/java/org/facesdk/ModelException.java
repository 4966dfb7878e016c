package org.facesdk;

import org.facesdk.annotation.NonNull;

/** A model file is missing, corrupt, or not of the kind that was asked for. */
public class ModelException extends FaceSdkException {
    private static final long serialVersionUID = 1L;

    public ModelException(@NonNull String message) {
        super(message);
    }
}
