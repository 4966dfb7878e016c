package org.facesdk;

import org.facesdk.annotation.NonNull;

/** Embeddings of two different models were compared. */
public final class EmbeddingMismatchException extends FaceSdkException {
    private static final long serialVersionUID = 1L;

    public EmbeddingMismatchException(@NonNull String message) {
        super(message);
    }
}
