package org.facesdk;

import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

import java.util.Arrays;

/**
 * A face as a point on the unit sphere, or inside of it if the model does not see it clearly. Only
 * embeddings of one model compare.
 */
public final class Embedding {
    private static final double NORM_TOLERANCE = 1e-3;

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
     * @param vector of Euclidean norm 1, or less of an unclear face
     * @param model name of the model that made it
     * @param modelId {@link ModelInfo#embeddingsId} of the model
     * @throws InputException the vector is empty, has a number that is not finite, or its norm is 0
     *     or above 1
     */
    @NotNull
    public static Embedding of(
            @NotNull float[] vector, @NotNull String model, @NotNull String modelId) {
        double norm = norm(vector);
        if (!(norm > 0 && norm <= 1 + NORM_TOLERANCE)) {
            throw new InputException("vector must have a norm above 0, at most 1, but got " + norm);
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

    /** Whether the model sees the face clearly: whether the vector has norm 1. */
    public boolean isClear() {
        return norm(vector) >= 1 - NORM_TOLERANCE;
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
     * Cosine of the angle to another embedding, times the norms of unclear ones, -1 to 1.
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

    private static double norm(float[] vector) {
        double sum = 0;
        for (float value : vector) {
            sum += (double) value * value;
        }
        return Math.sqrt(sum);
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
