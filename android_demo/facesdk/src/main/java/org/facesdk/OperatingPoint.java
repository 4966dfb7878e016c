package org.facesdk;

import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

/** What decides whether two embeddings are of one person: a false match rate or a similarity. */
public final class OperatingPoint {
    /**
     * A false match rate of 1 in 1000, or the nearest that the model was calibrated for, where
     * nobody chooses another.
     */
    public static final OperatingPoint DEFAULT = new OperatingPoint(null, null);

    private final Double fmr;
    private final Double similarity;

    private OperatingPoint(@Nullable Double fmr, @Nullable Double similarity) {
        this.fmr = fmr;
        this.similarity = similarity;
    }

    /**
     * The model's threshold for a false match rate.
     *
     * @param rate above 0 and below 1: one that the model was calibrated for ({@link
     *     ModelInfo#thresholds}), between two of them, or up to ten times beyond them, which nobody
     *     measured
     */
    @NotNull
    public static OperatingPoint fmr(double rate) {
        return new OperatingPoint(rate, null);
    }

    /**
     * A similarity of your own.
     *
     * @param similarity two embeddings at or above it count as one person, -1 to 1
     * @throws InputException it is not in -1 to 1
     */
    @NotNull
    public static OperatingPoint threshold(double similarity) {
        if (!(similarity >= -1 && similarity <= 1)) {
            throw new InputException("threshold must be in [-1, 1], but got " + similarity);
        }
        return new OperatingPoint(null, similarity);
    }

    /** The similarity that decides with a model, and the rate that it is for. */
    Match decide(double found, ModelInfo model) {
        if (similarity != null) {
            return new Match(found, similarity, null, model.name());
        }
        CalibratedRates.Point point = new CalibratedRates(model).at(fmr);
        return new Match(found, point.similarity, point.fmr, model.name());
    }

    /** The similarity that decides in a search of so many comparisons. */
    OpenSet search(ModelInfo model, int comparisons) {
        return similarity != null
                ? OpenSet.given(model, comparisons, similarity)
                : OpenSet.at(new CalibratedRates(model).at(fmr), comparisons);
    }
}
