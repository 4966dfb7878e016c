package org.facesdk;

import org.jetbrains.annotations.NotNull;

import java.text.SimpleDateFormat;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TimeZone;

/** Times of the pipeline, with where and how they were measured and why they may not be quoted. */
public final class BenchReport {
    /** A stage and its times. */
    public static final class Stage {
        private final String name;
        private final Distribution distribution;

        Stage(String name, Distribution distribution) {
            this.name = name;
            this.distribution = distribution;
        }

        /** "detect", "align", "embed" or "match". */
        @NotNull
        public String name() {
            return name;
        }

        /** Its times, for all faces of the frame together. */
        @NotNull
        public Distribution distribution() {
            return distribution;
        }
    }

    private static final int FEWEST_RUNS = 20;
    private static final double MOST_SPREAD = 0.15;
    private static final double LEAST_CLOCK = 0.85;
    private static final int CLOCK_READINGS = 1000;

    private final List<Stage> stages = new ArrayList<>();
    private final Distribution total;
    private final double[] samples;
    private final Profile profile;
    private final Map<String, Object> record = new LinkedHashMap<>();

    BenchReport(
            FaceEngine engine,
            Frame frame,
            int warmUp,
            List<double[]> times,
            Profile profile,
            double seconds,
            Map<String, Object> before,
            Map<String, Object> after) {
        int runs = times.size();
        samples = new double[runs];
        for (int stage = 0; stage < Benchmark.STAGES.length; ++stage) {
            double[] column = new double[runs];
            for (int i = 0; i < runs; ++i) {
                column[i] = times.get(i)[stage];
                samples[i] += column[i];
            }
            stages.add(new Stage(Benchmark.STAGES[stage], Distribution.of(column)));
        }
        this.total = Distribution.of(samples);
        this.profile = profile;
        Map<String, Object> environment = Device.environment();
        record.put("schema", "facesdk.bench");
        record.put("schema_version", 1);
        record.put("created", now());
        record.put("threads", engine.threads());
        record.put("policy", policy(runs, warmUp));
        record.put("clock", clock());
        record.put("environment", environment);
        record.put("conditions", conditions(seconds, before, after));
        record.put("conditions_later", null);
        record.put("kind", "pipeline");
        record.put("model", engine.model().name());
        record.put("sha256", engine.model().id());
        record.put("min_face", engine.minFace());
        record.put(
                "cases",
                Collections.singletonList(measured(frame, engine.detect(frame).faces().size())));
        record.put("memory", null);
        record.put("flags", flags(frame.name(), environment, before, after));
        record.put(
                "notes",
                Collections.singletonList(
                        "measured on Android: no temperature, no load of other processes, no"
                                + " memory; each face is matched with itself"));
    }

    /** The stages, in the order in which they run. */
    @NotNull
    public List<Stage> stages() {
        return Collections.unmodifiableList(stages);
    }

    /** Times of the stages together. */
    @NotNull
    public Distribution total() {
        return total;
    }

    /** One more run as it was, with the networks and operators in the stages. */
    @NotNull
    public Profile profile() {
        return profile;
    }

    /** The report as JSON of the schema of {@code facesdk bench --json}, kind "pipeline". */
    @NotNull
    public String toJson() {
        return Json.text(record);
    }

    private Map<String, Object> measured(Frame frame, int faces) {
        Map<String, Object> stageTimes = new LinkedHashMap<>();
        for (Stage stage : stages) {
            stageTimes.put(stage.name(), stage.distribution().toMap());
        }
        List<Double> totals = new ArrayList<>();
        for (double sample : samples) {
            totals.add(sample);
        }
        Map<String, Object> made = new LinkedHashMap<>();
        made.put("name", frame.name());
        made.put("width", frame.width());
        made.put("height", frame.height());
        made.put("faces", Arrays.asList(faces, faces));
        made.put("stages_ms", stageTimes);
        made.put("latency_ms", total.toMap());
        made.put("samples_ms", totals);
        made.put("spans", profile.records());
        return made;
    }

    private static Map<String, Object> policy(int runs, int warmUp) {
        Map<String, Object> made = new LinkedHashMap<>();
        made.put("runs", runs);
        made.put("warm_up", warmUp);
        made.put("warm_up_seconds", 0);
        made.put("lead", 0);
        return made;
    }

    private static Map<String, Object> clock() {
        long begun = System.nanoTime();
        long last = begun;
        long step = Long.MAX_VALUE;
        for (int i = 0; i < CLOCK_READINGS; ++i) {
            long next = System.nanoTime();
            step = next > last ? Math.min(step, next - last) : step;
            last = next;
        }
        Map<String, Object> made = new LinkedHashMap<>();
        made.put("name", "System.nanoTime");
        made.put("resolution_ns", step == Long.MAX_VALUE ? 0 : step);
        made.put("overhead_ns", (last - begun) / (double) CLOCK_READINGS);
        return made;
    }

    private static Map<String, Object> conditions(
            double seconds, Map<String, Object> before, Map<String, Object> after) {
        Map<String, Object> made = new LinkedHashMap<>();
        made.put("seconds", seconds);
        made.put("before", before);
        made.put("after", after);
        made.put("other_cpus", null);
        made.put("stolen_cpus", null);
        made.put("throttled", Collections.emptyList());
        return made;
    }

    /**
     * Why the figures may not be quoted, in the words of Python's {@code facesdk.measure.flags}.
     */
    private List<Object> flags(
            String name,
            Map<String, Object> environment,
            Map<String, Object> before,
            Map<String, Object> after) {
        List<Object> found = new ArrayList<>();
        Object path = environment.get("kernel_path");
        if ("reference".equals(path)) {
            found.add(flag("reference-path", "the operators ran their reference kernels"));
        } else if (Boolean.TRUE.equals(environment.get("path_forced"))
                && !environment.get("best_path").equals(path)) {
            found.add(
                    flag(
                            "forced-path",
                            "FACESDK_OPS_ISA forces "
                                    + path
                                    + "; "
                                    + environment.get("best_path")
                                    + " would be faster"));
        }
        if (Boolean.TRUE.equals(environment.get("emulated"))) {
            found.add(flag("emulated", "the processor is emulated: times mean nothing"));
        }
        long fast = fastest(before);
        long slow = fastest(after);
        if (slow > 0 && slow < LEAST_CLOCK * fast) {
            found.add(flag("clock", "the clock fell from " + fast + " to " + slow + " MHz"));
        }
        if (total.n() < FEWEST_RUNS) {
            found.add(
                    flag(
                            "few-runs",
                            name
                                    + ": only "
                                    + total.n()
                                    + " runs; "
                                    + FEWEST_RUNS
                                    + " are the least"));
        }
        if (total.spread() > MOST_SPREAD) {
            found.add(
                    flag(
                            "spread",
                            String.format(
                                    Locale.ROOT,
                                    "%s: the quartiles are %.0f %% of the median apart; %.0f %% are"
                                            + " the most",
                                    name,
                                    100 * total.spread(),
                                    100 * MOST_SPREAD)));
        }
        return found;
    }

    private static long fastest(Map<String, Object> reading) {
        long most = 0;
        for (Object clock : (List<?>) reading.get("frequencies_mhz")) {
            most = Math.max(most, (Long) clock);
        }
        return most;
    }

    private static Map<String, Object> flag(String code, String message) {
        Map<String, Object> made = new LinkedHashMap<>();
        made.put("code", code);
        made.put("message", message);
        return made;
    }

    private static String now() {
        SimpleDateFormat format =
                new SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss'+00:00'", Locale.ROOT);
        format.setTimeZone(TimeZone.getTimeZone("UTC"));
        return format.format(new Date());
    }

    @Override
    @NotNull
    public String toString() {
        return "BenchReport(" + total + ")";
    }
}
