package org.facesdk;

import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Times the pipeline on a frame, as {@code facesdk bench pipeline} does. */
public final class Benchmark {
    /** Told after each run. */
    public interface Progress {
        /**
         * A run is over.
         *
         * @param done runs so far, warm-up included
         * @param total runs in all
         */
        void run(int done, int total);
    }

    static final String[] STAGES = {"detect", "align", "embed", "match"};

    private Benchmark() {}

    /**
     * Detects, aligns and embeds the faces of a frame, and compares each with itself, again and
     * again.
     *
     * @param warmUp runs that are not timed, 0 or more
     * @param runs timed runs, at least 1; 100 for a 99th percentile
     * @param progress may be null
     * @throws InputException a number is out of its range
     * @throws NoFaceException the frame has no face
     */
    @NotNull
    public static BenchReport pipeline(
            @NotNull FaceEngine engine,
            @NotNull Frame frame,
            int warmUp,
            int runs,
            @Nullable Progress progress) {
        if (warmUp < 0 || runs < 1) {
            throw new InputException(
                    "runs must be at least 1 and warm-up at least 0, but got "
                            + runs
                            + " and "
                            + warmUp);
        }
        if (engine.detect(frame).faces().isEmpty()) {
            throw new NoFaceException(
                    frame.name() + ": no face found; use a photo with a visible face");
        }
        List<double[]> times = new ArrayList<>();
        Map<String, Object> before = Device.reading();
        long begun = System.nanoTime();
        for (int i = 0; i < warmUp + runs; ++i) {
            double[] run = once(engine, frame);
            if (i == warmUp - 1) {
                before = Device.reading();
                begun = System.nanoTime();
            }
            if (i >= warmUp) {
                times.add(run);
            }
            if (progress != null) {
                progress.run(i + 1, warmUp + runs);
            }
        }
        double seconds = (System.nanoTime() - begun) / 1e9;
        Map<String, Object> after = Device.reading();
        Profile profile = engine.profile(() -> once(engine, frame));
        return new BenchReport(engine, frame, warmUp, times, profile, seconds, before, after);
    }

    /** Milliseconds of each stage, for all faces together. */
    private static double[] once(FaceEngine engine, Frame frame) {
        long[] moments = new long[STAGES.length + 1];
        moments[0] = System.nanoTime();
        List<Face> faces = engine.detect(frame).faces();
        moments[1] = System.nanoTime();
        List<Crop> crops = new ArrayList<>();
        for (Face face : faces) {
            crops.add(engine.align(frame, face));
        }
        moments[2] = System.nanoTime();
        List<Embedding> embeddings = new ArrayList<>();
        for (Crop crop : crops) {
            embeddings.add(engine.embed(crop));
        }
        moments[3] = System.nanoTime();
        for (Embedding embedding : embeddings) {
            engine.compare(embedding, embedding, OperatingPoint.threshold(0));
        }
        moments[4] = System.nanoTime();
        double[] milliseconds = new double[STAGES.length];
        for (int i = 0; i < STAGES.length; ++i) {
            milliseconds[i] = (moments[i + 1] - moments[i]) / 1e6;
        }
        return milliseconds;
    }
}
