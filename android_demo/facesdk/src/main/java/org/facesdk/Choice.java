package org.facesdk;

import org.jetbrains.annotations.NotNull;

/** The face of a frame that is compared. */
public final class Choice {
    private final Face face;
    private final String reason;
    private final Quality quality;

    Choice(Face face, String reason, Quality quality) {
        this.face = face;
        this.reason = reason;
        this.quality = quality;
    }

    /** The face. */
    @NotNull
    public Face face() {
        return face;
    }

    /** Why this one, in words, for example "the only face". */
    @NotNull
    public String reason() {
        return reason;
    }

    /** How fit it is to be compared. */
    @NotNull
    public Quality quality() {
        return quality;
    }

    @Override
    @NotNull
    public String toString() {
        return "Choice(" + face + ", " + reason + ")";
    }
}
