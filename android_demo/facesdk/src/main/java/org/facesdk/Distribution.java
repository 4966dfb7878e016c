package org.facesdk;

import org.jetbrains.annotations.NotNull;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The distribution of a set of times in milliseconds, with the figures of {@code facesdk bench}.
 */
public final class Distribution {
    private static final int RUNS_P90 = 10;
    private static final int RUNS_P95 = 20;
    private static final int RUNS_P99 = 100;

    private final double[] sorted;
    private final double mean;
    private final double deviation;

    private Distribution(double[] sorted) {
        this.sorted = sorted;
        double sum = 0;
        for (double value : sorted) {
            sum += value;
        }
        mean = sum / sorted.length;
        double squares = 0;
        for (double value : sorted) {
            squares += (value - mean) * (value - mean);
        }
        deviation = sorted.length > 1 ? Math.sqrt(squares / (sorted.length - 1)) : 0;
    }

    /**
     * Summarises times.
     *
     * @param milliseconds one or more finite numbers, 0 or more
     * @throws InputException there is none, or one is not so
     */
    @NotNull
    public static Distribution of(@NotNull double[] milliseconds) {
        boolean right = milliseconds.length > 0;
        for (double value : milliseconds) {
            right &= value >= 0 && value <= Double.MAX_VALUE;
        }
        if (!right) {
            throw new InputException(
                    "times must be one or more finite numbers of milliseconds, 0 or more");
        }
        double[] sorted = milliseconds.clone();
        Arrays.sort(sorted);
        return new Distribution(sorted);
    }

    /** Number of runs. */
    public int n() {
        return sorted.length;
    }

    /** The fastest. */
    public double minimum() {
        return sorted[0];
    }

    /** Arithmetic mean. */
    public double mean() {
        return mean;
    }

    /** The middle one. */
    public double median() {
        return percentile(50);
    }

    /** 90th percentile; NaN below 10 runs. */
    public double p90() {
        return n() < RUNS_P90 ? Double.NaN : percentile(90);
    }

    /** 95th percentile; NaN below 20 runs. */
    public double p95() {
        return n() < RUNS_P95 ? Double.NaN : percentile(95);
    }

    /** 99th percentile; NaN below 100 runs. */
    public double p99() {
        return n() < RUNS_P99 ? Double.NaN : percentile(99);
    }

    /** The slowest. */
    public double maximum() {
        return sorted[n() - 1];
    }

    /** Standard deviation of the sample; 0 for one run. */
    public double deviation() {
        return deviation;
    }

    /** Distance of the quartiles, as a share of the median; 0 where the median is 0. */
    public double spread() {
        return median() > 0 ? (percentile(75) - percentile(25)) / median() : 0;
    }

    /** Runs per second at the mean time; 0 if the clock saw no time pass. */
    public double fps() {
        return mean > 0 ? 1e3 / mean : 0;
    }

    /** Interpolated linearly between the two nearest times. */
    private double percentile(double percent) {
        double place = percent / 100 * (n() - 1);
        int below = (int) place;
        int above = Math.min(below + 1, n() - 1);
        return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
    }

    /** The record of the bench report's schema. */
    Map<String, Object> toMap() {
        Map<String, Object> record = new LinkedHashMap<>();
        record.put("n", n());
        record.put("minimum", minimum());
        record.put("mean", mean());
        record.put("median", median());
        record.put("p90", orNull(p90()));
        record.put("p95", orNull(p95()));
        record.put("p99", orNull(p99()));
        record.put("maximum", maximum());
        record.put("std", deviation());
        record.put("quartiles", Arrays.asList(percentile(25), percentile(75)));
        record.put("spread", spread());
        record.put("fps", fps());
        return record;
    }

    private static Double orNull(double value) {
        return Double.isNaN(value) ? null : value;
    }

    @Override
    @NotNull
    public String toString() {
        return "Distribution(n=" + n() + ", median=" + median() + " ms)";
    }
}
