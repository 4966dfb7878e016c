package org.facesdk;

import java.util.List;

/**
 * From which similarity a probe is somebody, in a gallery of a given size: the rules of Python's
 * {@code facesdk.recognition.open_set}. For N comparisons at a false match rate FMR the false
 * positive identification rate is {@code 1 - (1 - FMR)^N}.
 */
final class OpenSet {
    /** The rate that is aimed at where nobody chooses another. */
    static final double DEFAULT_FPIR = 0.01;

    private static final double ROUNDING = 1e-9;

    final double threshold;
    final double fpir;
    final int comparisons;
    final String note;

    private OpenSet(double threshold, double fpir, int comparisons, String note) {
        this.threshold = threshold;
        this.fpir = fpir;
        this.comparisons = comparisons;
        this.note = note;
    }

    /** The lowest of a model's thresholds that keeps the FPIR, else its strictest, with a note. */
    static OpenSet atMost(ModelInfo model, int comparisons, double fpir) {
        if (!(fpir > 0 && fpir < 1)) {
            throw new InputException(
                    "the FPIR must be above 0 and below 1, but got " + ModelInfo.rate(fpir));
        }
        List<Threshold> thresholds = model.thresholds();
        if (thresholds.isEmpty()) {
            throw new InputException(
                    "model "
                            + model.name()
                            + " has no threshold: find some with `facesdk calibrate`, or give a "
                            + "similarity as the threshold");
        }
        double wanted = -Math.expm1(Math.log1p(-fpir) / Math.max(comparisons, 1)) * (1 + ROUNDING);
        Threshold chosen = null;
        Threshold strictest = thresholds.get(0);
        for (Threshold row : thresholds) {
            if (row.fmr() <= wanted && (chosen == null || row.fmr() > chosen.fmr())) {
                chosen = row;
            }
            strictest = row.fmr() < strictest.fmr() ? row : strictest;
        }
        if (chosen != null) {
            return new OpenSet(
                    chosen.similarity(), rateOf(chosen.fmr(), comparisons), comparisons, "");
        }
        double rate = rateOf(strictest.fmr(), comparisons);
        return new OpenSet(
                strictest.similarity(),
                rate,
                comparisons,
                "the model's strictest threshold (FMR "
                        + ModelInfo.rate(strictest.fmr())
                        + ") gives an FPIR of "
                        + ModelInfo.general(rate, 2)
                        + " in "
                        + comparisons
                        + " comparisons, not "
                        + ModelInfo.rate(fpir)
                        + ": calibrate the model for an FMR of "
                        + ModelInfo.general(wanted, 1)
                        + " (`facesdk calibrate`), or give a higher threshold");
    }

    /** The threshold for a false match rate of one comparison. */
    static OpenSet at(CalibratedRates.Point point, int comparisons) {
        return new OpenSet(
                point.similarity, rateOf(point.fmr, comparisons), comparisons, point.note);
    }

    /**
     * A similarity of the caller's own, with the lowest rate among the model's thresholds up to it;
     * NaN, with a note, where there is none.
     */
    static OpenSet given(ModelInfo model, int comparisons, double threshold) {
        double fmr = Double.NaN;
        for (Threshold row : model.thresholds()) {
            if (row.similarity() <= threshold && !(row.fmr() >= fmr)) {
                fmr = row.fmr();
            }
        }
        String note =
                Double.isNaN(fmr)
                        ? "the contract of model "
                                + model.name()
                                + " states no FMR for so low a threshold"
                        : "";
        return new OpenSet(threshold, rateOf(fmr, comparisons), comparisons, note);
    }

    private static double rateOf(double fmr, int comparisons) {
        return -Math.expm1(comparisons * Math.log1p(-fmr));
    }
}
