package org.facesdk.demo;

import java.util.Arrays;

/** Times of the newest frames, and their percentiles. */
final class Latency {
    private final double[] times;
    private int count;

    /** Keeps the newest {@code size} times. */
    Latency(int size) {
        times = new double[size];
    }

    void add(double milliseconds) {
        times[count++ % times.length] = milliseconds;
    }

    /** Times added so far. */
    int count() {
        return count;
    }

    /**
     * The smallest time that at least this share of the kept ones does not exceed (nearest rank).
     *
     * @param share above 0, up to 1
     * @return milliseconds; NaN if none was added
     */
    double percentile(double share) {
        int kept = Math.min(count, times.length);
        if (kept == 0) {
            return Double.NaN;
        }
        double[] sorted = Arrays.copyOf(times, kept);
        Arrays.sort(sorted);
        return sorted[Math.max(0, (int) Math.ceil(share * kept) - 1)];
    }
}
