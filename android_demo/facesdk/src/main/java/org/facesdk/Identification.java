package org.facesdk;

import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

import java.util.Collections;
import java.util.List;

/** Whose face a probe is. */
public final class Identification {
    private static final String UNCLEAR =
            "the face is unclear to the model, which makes its similarities smaller";

    private final List<Candidate> candidates;
    private final OpenSet point;
    private final boolean clear;

    Identification(List<Candidate> candidates, OpenSet point, boolean clear) {
        this.candidates = Collections.unmodifiableList(candidates);
        this.point = point;
        this.clear = clear;
    }

    /** Who it is; null for somebody who is not enrolled. */
    @Nullable
    public Person person() {
        return !candidates.isEmpty() && similarity() >= threshold()
                ? candidates.get(0).person()
                : null;
    }

    /** Similarity of the best candidate; NaN where nobody is enrolled. */
    public double similarity() {
        return candidates.isEmpty() ? Double.NaN : candidates.get(0).similarity();
    }

    /** From which similarity a candidate is the person. */
    public double threshold() {
        return point.threshold;
    }

    /**
     * The rate of false names that follows for a gallery of this size, at most; NaN where the model
     * states none for so low a threshold.
     */
    public double fpir() {
        return point.fpir;
    }

    /** Number of comparisons behind {@link #fpir}. */
    public int comparisons() {
        return point.comparisons;
    }

    /**
     * What the caller should know of the threshold, or of an unclear face, in a sentence; empty for
     * nothing.
     */
    @NotNull
    public String note() {
        if (clear) {
            return point.note;
        }
        return point.note.isEmpty() ? UNCLEAR : point.note + "; " + UNCLEAR;
    }

    /** The most similar people, falling, whether or not they reach the threshold. */
    @NotNull
    public List<Candidate> candidates() {
        return candidates;
    }

    @Override
    @NotNull
    public String toString() {
        return "Identification(person=" + person() + ", similarity=" + similarity() + ")";
    }
}
