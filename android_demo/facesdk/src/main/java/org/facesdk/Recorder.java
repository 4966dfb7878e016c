package org.facesdk;

import java.util.ArrayList;
import java.util.List;

/**
 * Collects the spans of one profile: stages as they end, networks and operators from the native
 * library at the end.
 */
final class Recorder {
    private static final String[] NETWORKS = {"mtcnn-pnet", "mtcnn-rnet", "mtcnn-onet", "finder"};

    private final Thread thread = Thread.currentThread();
    private final List<Span> stages = new ArrayList<>();

    /** Notes a stage that ends now, if it ran on the thread that records. */
    void stage(String name, long start) {
        if (Thread.currentThread() == thread) {
            stages.add(new Span(name, Span.Kind.STAGE, start, System.nanoTime(), 0, ""));
        }
    }

    Profile profile(long engine, String recognizer, long[] numbers) {
        List<Span> spans = new ArrayList<>(stages);
        int runs = (int) numbers[0];
        int at = NativeProfile.LEADING;
        for (int i = 0; i < runs; ++i, at += NativeProfile.RUN) {
            int network = (int) numbers[at];
            add(
                    spans,
                    network < NETWORKS.length ? NETWORKS[network] : recognizer,
                    Span.Kind.NETWORK,
                    numbers[at + 1],
                    numbers[at + 2],
                    "");
        }
        for (; at + NativeProfile.OPERATOR <= numbers.length; at += NativeProfile.OPERATOR) {
            int node = (int) numbers[at];
            add(
                    spans,
                    node + " " + NativeProfile.operatorName(engine, node),
                    Span.Kind.OPERATOR,
                    numbers[at + 3],
                    numbers[at + 4],
                    NativeProfile.pathName((int) numbers[at + 1]));
        }
        return new Profile(spans, numbers[1]);
    }

    /**
     * Other threads may have used the engine: what lies in none of this thread's stages is theirs.
     */
    private void add(
            List<Span> spans, String name, Span.Kind kind, long start, long end, String kernels) {
        for (Span stage : stages) {
            if (stage.startNanos() <= start && end <= stage.end()) {
                spans.add(
                        new Span(
                                name,
                                kind,
                                start,
                                end,
                                kind == Span.Kind.NETWORK ? 1 : 2,
                                kernels));
                return;
            }
        }
    }
}
