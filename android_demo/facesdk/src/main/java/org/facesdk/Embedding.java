package org.facesdk;

import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

import java.util.Arrays;

/** A face as a point on the unit sphere. Only embeddings of one model compare. */
public final class Embedding {
    private static final double LENGTH_TOLERANCE = 1e-3;

    private final float[] vector;
    private final String model;
    private final String modelId;

    private Embedding(float[] vector, String model, String modelId) {
        this.vector = vector;
        this.model = model;
        this.modelId = modelId;
    }

    /**
     * An embedding that was kept, for example in a database of your own.
     *
     * @param vector of Euclidean length 1
     * @param model name of the model that made it
     * @param modelId {@link ModelInfo#embeddingsId} of the model
     * @throws InputException the vector is empty, has a number that is not finite, or another
     *     length
     */
    @NotNull
    public static Embedding of(
            @NotNull float[] vector, @NotNull String model, @NotNull String modelId) {
        double sum = 0;
        for (float value : vector) {
            sum += (double) value * value;
        }
        double length = Math.sqrt(sum);
        if (!(Math.abs(length - 1) <= LENGTH_TOLERANCE)) {
            throw new InputException("vector must have norm 1, but got " + length);
        }
        return new Embedding(vector.clone(), model, modelId);
    }

    /** The vector, a copy. */
    @NotNull
    public float[] vector() {
        return vector.clone();
    }

    /** Length of the vector. */
    public int dim() {
        return vector.length;
    }

    /** Name of the model that made it. */
    @NotNull
    public String model() {
        return model;
    }

    /** {@link ModelInfo#embeddingsId} of the model that made it. */
    @NotNull
    public String modelId() {
        return modelId;
    }

    /**
     * Cosine of the angle to another embedding, -1 to 1.
     *
     * @throws EmbeddingMismatchException it comes from another model or has another length
     */
    public double similarity(@NotNull Embedding other) {
        if (!modelId.equals(other.modelId) || dim() != other.dim()) {
            throw new EmbeddingMismatchException(
                    "embeddings of different models do not compare: "
                            + described()
                            + " and "
                            + other.described()
                            + EmbeddingsId.remedy(modelId, other.modelId));
        }
        return NativeVectors.similarities(vector, other.vector)[0];
    }

    private String described() {
        return model + " (" + EmbeddingsId.shortened(modelId) + ", " + dim() + ")";
    }

    @Override
    public boolean equals(@Nullable Object other) {
        if (!(other instanceof Embedding)) {
            return false;
        }
        Embedding that = (Embedding) other;
        return that.modelId.equals(modelId) && Arrays.equals(that.vector, vector);
    }

    @Override
    public int hashCode() {
        return 31 * modelId.hashCode() + Arrays.hashCode(vector);
    }

    @Override
    @NotNull
    public String toString() {
        return "Embedding(" + described() + ")";
    }
}
