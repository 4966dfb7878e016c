package org.facesdk;

import org.jetbrains.annotations.NotNull;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** Whether two frames show the same person, and how that was found. */
public final class Verification {
    private final Match match;
    private final List<Choice> choices;
    private final List<Crop> crops;
    private final Timings timings;

    Verification(Match match, Choice[] choices, Crop[] crops, Timings timings) {
        this.match = match;
        this.choices = Collections.unmodifiableList(Arrays.asList(choices.clone()));
        this.crops = Collections.unmodifiableList(Arrays.asList(crops.clone()));
        this.timings = timings;
    }

    /** Whether it is the same person. */
    public boolean same() {
        return match.same();
    }

    /** Cosine similarity of the two embeddings, -1 to 1. */
    public double similarity() {
        return match.similarity();
    }

    /** The decision. */
    @NotNull
    public Match match() {
        return match;
    }

    /** The compared face of each frame. */
    @NotNull
    public List<Face> faces() {
        return Collections.unmodifiableList(
                Arrays.asList(choices.get(0).face(), choices.get(1).face()));
    }

    /** The compared face of each frame with its quality, and why it was chosen. */
    @NotNull
    public List<Choice> choices() {
        return choices;
    }

    /** The aligned crop of each frame. */
    @NotNull
    public List<Crop> crops() {
        return crops;
    }

    /** Time of each stage. */
    @NotNull
    public Timings timings() {
        return timings;
    }

    @Override
    @NotNull
    public String toString() {
        return "Verification(" + match + ")";
    }
}
