package org.facesdk;

import org.jetbrains.annotations.NotNull;

/** A similarity threshold of a model and the evidence for it. */
public final class Threshold {
    private final double fmr;
    private final double similarity;
    private final double fnmr;
    private final long positivePairs;
    private final long negativePairs;

    Threshold(double fmr, double similarity, double fnmr, long positivePairs, long negativePairs) {
        this.fmr = fmr;
        this.similarity = similarity;
        this.fnmr = fnmr;
        this.positivePairs = positivePairs;
        this.negativePairs = negativePairs;
    }

    /** The false match rate it aims at, above 0 and below 1. */
    public double fmr() {
        return fmr;
    }

    /** Two embeddings at or above it count as the same person. */
    public double similarity() {
        return similarity;
    }

    /** The false non-match rate measured there, 0 to 1. */
    public double fnmr() {
        return fnmr;
    }

    /** Pairs of one person that it was measured on. */
    public long positivePairs() {
        return positivePairs;
    }

    /** Pairs of two people that it was measured on. */
    public long negativePairs() {
        return negativePairs;
    }

    @Override
    @NotNull
    public String toString() {
        return "Threshold(fmr=" + fmr + ", similarity=" + similarity + ")";
    }
}
