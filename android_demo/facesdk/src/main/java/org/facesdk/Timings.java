package org.facesdk;

import org.jetbrains.annotations.NotNull;

/** Wall-clock time of each stage of one verification, in milliseconds, for both frames. */
public final class Timings {
    private final double detect;
    private final double align;
    private final double embed;
    private final double match;

    Timings(double detect, double align, double embed, double match) {
        this.detect = detect;
        this.align = align;
        this.embed = embed;
        this.match = match;
    }

    /** Finding the faces. */
    public double detect() {
        return detect;
    }

    /** Cutting them out. */
    public double align() {
        return align;
    }

    /** Running the recognition network. */
    public double embed() {
        return embed;
    }

    /** Comparing the embeddings. */
    public double match() {
        return match;
    }

    /** All four. */
    public double total() {
        return detect + align + embed + match;
    }

    @Override
    @NotNull
    public String toString() {
        return "Timings(detect="
                + detect
                + ", align="
                + align
                + ", embed="
                + embed
                + ", match="
                + match
                + ")";
    }
}
