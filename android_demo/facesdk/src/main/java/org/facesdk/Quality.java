package org.facesdk;

import org.jetbrains.annotations.NotNull;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * How fit a face is to be compared, as {@code facesdk quality} says it: one number with reasons,
 * and what was measured.
 *
 * <p>Levels are those of the luma, 0 to 255, in the face region of the crop of 112x112 pixels.
 */
public final class Quality {
    static final int NUMBERS = 15;

    private final double[] numbers;
    private final List<String> reasons;

    Quality(double[] numbers, String[] reasons) {
        this.numbers = numbers;
        this.reasons = Collections.unmodifiableList(Arrays.asList(reasons));
    }

    /** 0 to 1; from 0.5 on every measure is above its floor. That of the worst measure. */
    public double score() {
        return numbers[0];
    }

    /** What is below its floor, a sentence for each, the worst first; empty where nothing is. */
    @NotNull
    public List<String> reasons() {
        return reasons;
    }

    /** Whether no measure is below its floor. */
    public boolean acceptable() {
        return reasons.isEmpty();
    }

    /**
     * Pixels of the frame between the eyes; seen from the side, what it would be from the front.
     */
    public double eyeDistance() {
        return numbers[1];
    }

    /** Mean fine detail divided by the contrast; about 0.15 of a sharp crop. */
    public double sharpness() {
        return numbers[2];
    }

    /** The same at the eye that has more of it: low where both are covered or in deep shadow. */
    public double eyes() {
        return numbers[3];
    }

    /** The same around the mouth. */
    public double mouth() {
        return numbers[4];
    }

    /** Mean level. */
    public double brightness() {
        return numbers[5];
    }

    /** Standard deviation of the levels. */
    public double contrast() {
        return numbers[6];
    }

    /** Standard deviation of the noise, in levels. */
    public double noise() {
        return numbers[7];
    }

    /**
     * Power of the strongest wave by that of others like it; about 5, and 20 and more where
     * stripes, a net or print lie over the face.
     */
    public double pattern() {
        return numbers[8];
    }

    /** Share of pixels of at most 16 levels, 0 to 1. */
    public double dark() {
        return numbers[9];
    }

    /** Share of pixels of at least 247 levels, 0 to 1. */
    public double bright() {
        return numbers[10];
    }

    /** Degrees; positive where the face looks to the right of the picture. */
    public double yaw() {
        return numbers[11];
    }

    /** Degrees; positive where it looks up. */
    public double pitch() {
        return numbers[12];
    }

    /** Degrees, -180 to 180; positive where the head is turned clockwise. */
    public double roll() {
        return numbers[13];
    }

    /** The detector's confidence, 0 to 1. */
    public double detectorScore() {
        return numbers[14];
    }

    @Override
    @NotNull
    public String toString() {
        return "Quality(score=" + score() + ", reasons=" + reasons + ")";
    }
}
