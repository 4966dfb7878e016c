package org.facesdk;

import org.jetbrains.annotations.NotNull;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

/** What a recognition model says about itself: its contract, as the model file carries it. */
public final class ModelInfo {
    private static final double SAME_RATE = 1e-6;
    private static final int RATE_DIGITS = 6;
    private static final int LEAST_EXPONENT = -4;

    private final String id;
    private final String[] texts;
    private final int dim;
    private final int measuredPixels;
    private final int pixels;
    private final List<Threshold> thresholds;

    /**
     * What the native library read.
     *
     * @param texts name, architecture, variant, template, license, thresholds_source, training_data
     * @param numbers those of {@link NativeEngine#numbers}
     */
    ModelInfo(String id, String[] texts, double[] numbers) {
        this.id = id;
        this.texts = texts;
        this.dim = (int) numbers[0];
        this.measuredPixels = (int) numbers[NativeEngine.PIXELS];
        this.pixels = (int) numbers[NativeEngine.PIXELS + 1];
        List<Threshold> read = new ArrayList<>();
        for (int i = NativeEngine.LEADING; i < numbers.length; i += NativeEngine.THRESHOLD) {
            read.add(
                    new Threshold(
                            numbers[i],
                            numbers[i + 1],
                            numbers[i + 2],
                            (long) numbers[i + 3],
                            (long) numbers[i + 4]));
        }
        this.thresholds = Collections.unmodifiableList(read);
    }

    /** SHA-256 (hex) of the model file as it was converted; calibrating does not change it. */
    @NotNull
    public String id() {
        return id;
    }

    /**
     * What embeddings and galleries carry: {@link #id}, and the version of the pixel functions that
     * cut the crops, unless it is 1. Networks of 1-bit activations give another vector for a crop
     * of other bytes, so embeddings of two versions do not compare.
     */
    @NotNull
    public String embeddingsId() {
        return EmbeddingsId.of(id, pixels);
    }

    /**
     * What is to be known of this model on this library, a sentence each, for the developer; empty
     * if all is well. An engine writes them to the log when it opens.
     */
    @NotNull
    public List<String> warnings() {
        return warnings(name(), measuredPixels, pixels);
    }

    static List<String> warnings(String name, int measured, int pixels) {
        if (measured == 0 || measured == pixels) {
            return Collections.emptyList();
        }
        return Collections.singletonList(
                "the thresholds of "
                        + name
                        + " were calibrated with version "
                        + measured
                        + " of the pixel functions, and this facesdk has version "
                        + pixels
                        + ": what they promise may not hold; run `facesdk calibrate` again");
    }

    /** The model's name. */
    @NotNull
    public String name() {
        return texts[0];
    }

    /** Network family, for example "CompactFaceNet". */
    @NotNull
    public String architecture() {
        return texts[1];
    }

    /** "QB" (1-bit weights and activations), "Q" (1-bit weights) or "float". */
    @NotNull
    public String variant() {
        return texts[2];
    }

    /** Name of the alignment template, for example "arcface-112x112". */
    @NotNull
    public String template() {
        return texts[3];
    }

    /** SPDX identifier of the licence, or words where none fits. */
    @NotNull
    public String license() {
        return texts[4];
    }

    /** What the thresholds were measured on, in words. */
    @NotNull
    public String thresholdsSource() {
        return texts[5];
    }

    /** What the model was trained on and under which terms, in words. */
    @NotNull
    public String trainingData() {
        return texts[6];
    }

    /** Length of its embeddings. */
    public int dim() {
        return dim;
    }

    /** Calibrated thresholds, ascending in their false match rate; empty if the model has none. */
    @NotNull
    public List<Threshold> thresholds() {
        return thresholds;
    }

    /**
     * The threshold calibrated for a false match rate.
     *
     * @throws InputException the model has none for that rate; the message lists those it has
     */
    @NotNull
    public Threshold thresholdFor(double fmr) {
        StringBuilder known = new StringBuilder();
        for (Threshold threshold : thresholds) {
            if (Math.abs(threshold.fmr() - fmr)
                    <= SAME_RATE * Math.max(Math.abs(threshold.fmr()), Math.abs(fmr))) {
                return threshold;
            }
            known.append(known.length() == 0 ? "" : ", ").append(rate(threshold.fmr()));
        }
        throw new InputException(
                "model "
                        + name()
                        + " has no threshold for a false match rate of "
                        + rate(fmr)
                        + " (it has: "
                        + (known.length() == 0 ? "none" : known)
                        + "); choose one of these or give a threshold");
    }

    /** A rate in six significant digits. */
    static String rate(double value) {
        return general(value, RATE_DIGITS);
    }

    /** A number in so many significant digits, as C and Python write {@code %g}. */
    static String general(double value, int digits) {
        if (value == 0) {
            return "0";
        }
        BigDecimal rounded = new BigDecimal(value).round(new MathContext(digits));
        int exponent = rounded.precision() - rounded.scale() - 1;
        if (exponent >= LEAST_EXPONENT && exponent < digits) {
            return rounded.stripTrailingZeros().toPlainString();
        }
        String mantissa = rounded.movePointLeft(exponent).stripTrailingZeros().toPlainString();
        return mantissa
                + String.format(
                        Locale.ROOT, "e%s%02d", exponent < 0 ? "-" : "+", Math.abs(exponent));
    }

    @Override
    @NotNull
    public String toString() {
        return "ModelInfo(" + name() + ", " + EmbeddingsId.shortened(id) + ")";
    }
}
