package org.facesdk;

import org.jetbrains.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;

/**
 * The threshold for any false match rate, from those that a model was calibrated for; as Python's
 * operating_points.py.
 */
final class CalibratedRates {
    /** A threshold for a false match rate. */
    static final class Point {
        final double similarity;
        final double fmr;

        /** How it was found where it was not measured, in a sentence; empty where it was. */
        final String note;

        Point(double similarity, double fmr, String note) {
            this.similarity = similarity;
            this.fmr = fmr;
            this.note = note;
        }
    }

    private static final double DEFAULT_RATE = 1e-3;
    private static final double SAME = 1e-6;
    private static final double DECADES_BEYOND = 1;

    private final String model;
    private final List<Threshold> rows;

    CalibratedRates(ModelInfo model) {
        this.model = model.name();
        this.rows = new ArrayList<>(model.thresholds());
        rows.sort(
                (a, b) ->
                        a.fmr() != b.fmr()
                                ? Double.compare(a.fmr(), b.fmr())
                                : Double.compare(b.similarity(), a.similarity()));
    }

    /**
     * The similarity for a rate: between two calibrated ones on the line of its logarithm, and a
     * decade beyond.
     *
     * @param wanted the rate; null for 0.001, or the calibrated rate nearest to it
     */
    Point at(@Nullable Double wanted) {
        if (rows.isEmpty()) {
            throw new InputException(
                    "model "
                            + model
                            + " has no threshold: find some with `facesdk calibrate`, or give a "
                            + "similarity as the threshold");
        }
        Threshold strictest = rows.get(0);
        Threshold laxest = rows.get(rows.size() - 1);
        double rate = wanted == null ? DEFAULT_RATE : wanted;
        if (!(rate > 0 && rate < 1)) {
            throw new InputException(
                    "a false match rate must be above 0 and below 1, but got "
                            + ModelInfo.rate(rate));
        }
        for (Threshold row : rows) {
            if (Math.abs(row.fmr() - rate) <= SAME * Math.max(row.fmr(), rate)) {
                return new Point(row.similarity(), row.fmr(), "");
            }
        }
        if (strictest.fmr() < rate && rate < laxest.fmr()) {
            return between(rate);
        }
        Threshold nearest = rate < strictest.fmr() ? strictest : laxest;
        return wanted == null ? instead(nearest) : beyond(rate, nearest);
    }

    private Point instead(Threshold nearest) {
        String note =
                "model "
                        + model
                        + " is not calibrated for an FMR of "
                        + ModelInfo.rate(DEFAULT_RATE)
                        + ": its threshold for "
                        + ModelInfo.rate(nearest.fmr())
                        + " decides";
        return new Point(nearest.similarity(), nearest.fmr(), note);
    }

    private Point between(double rate) {
        int at = 0;
        while (rows.get(at).fmr() < rate) {
            ++at;
        }
        Threshold stricter = rows.get(at - 1);
        Threshold laxer = rows.get(at);
        String note =
                "the threshold lies between those for an FMR of "
                        + ModelInfo.rate(stricter.fmr())
                        + " and "
                        + ModelInfo.rate(laxer.fmr());
        return new Point(onLine(stricter, laxer, rate), rate, note);
    }

    private Point beyond(double rate, Threshold end) {
        StringBuilder known = new StringBuilder();
        for (Threshold row : rows) {
            known.append(known.length() == 0 ? "" : ", ").append(ModelInfo.rate(row.fmr()));
        }
        String refused =
                "model "
                        + model
                        + " has no threshold for a false match rate of "
                        + ModelInfo.rate(rate)
                        + " (it has: "
                        + known
                        + "), and ";
        String advice =
                ": choose a rate near these, calibrate the model for it, or give a threshold";
        boolean strict = end == rows.get(0);
        int first = strict ? 0 : rows.size() - 2;
        if (rows.size() < 2 || rows.get(first).similarity() <= rows.get(first + 1).similarity()) {
            throw new InputException(refused + "they do not tell how the rate goes on" + advice);
        }
        double similarity = onLine(rows.get(first), rows.get(first + 1), rate);
        if (Math.abs(Math.log10(rate / end.fmr())) > DECADES_BEYOND + SAME
                || Math.abs(similarity) > 1) {
            throw new InputException(refused + "it is more than ten times beyond them" + advice);
        }
        String note =
                "nobody measured an FMR of "
                        + ModelInfo.rate(rate)
                        + ": the threshold is extrapolated from those for "
                        + ModelInfo.rate(rows.get(first).fmr())
                        + " and "
                        + ModelInfo.rate(rows.get(first + 1).fmr());
        return new Point(similarity, rate, note);
    }

    private static double onLine(Threshold first, Threshold second, double rate) {
        double share = Math.log(rate / first.fmr()) / Math.log(second.fmr() / first.fmr());
        return first.similarity() + share * (second.similarity() - first.similarity());
    }
}
