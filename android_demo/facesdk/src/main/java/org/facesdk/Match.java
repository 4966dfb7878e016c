package org.facesdk;

import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

/** The outcome of comparing two embeddings. */
public final class Match {
    private final double similarity;
    private final double threshold;
    private final Double fmr;
    private final String model;

    Match(double similarity, double threshold, @Nullable Double fmr, String model) {
        this.similarity = similarity;
        this.threshold = threshold;
        this.fmr = fmr;
        this.model = model;
    }

    /** Whether the similarity reaches the threshold. */
    public boolean same() {
        return similarity >= threshold;
    }

    /** Cosine similarity, -1 to 1. */
    public double similarity() {
        return similarity;
    }

    /** The similarity from which two faces count as the same person. */
    public double threshold() {
        return threshold;
    }

    /**
     * The false match rate that the threshold was calibrated for; null if the caller chose the
     * threshold.
     */
    @Nullable
    public Double fmr() {
        return fmr;
    }

    /** Name of the recognition model. */
    @NotNull
    public String model() {
        return model;
    }

    @Override
    @NotNull
    public String toString() {
        return "Match(same="
                + same()
                + ", similarity="
                + similarity
                + ", threshold="
                + threshold
                + ")";
    }
}
