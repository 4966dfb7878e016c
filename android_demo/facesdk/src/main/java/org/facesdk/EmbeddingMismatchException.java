package org.facesdk;

import org.jetbrains.annotations.NotNull;

/** Embeddings of two different models were compared. */
public final class EmbeddingMismatchException extends FaceSdkException {
    private static final long serialVersionUID = 1L;

    /** With the sentence that says why. */
    public EmbeddingMismatchException(@NotNull String message) {
        super(message);
    }
}
