package org.facesdk;

import org.jetbrains.annotations.NotNull;

import java.util.LinkedHashMap;
import java.util.Map;

/** A stage, the run of a network in it, or an operator in that: what ran, and when. */
public final class Span {
    /** What a span is of; its name in JSON is in small letters. */
    public enum Kind {
        /** "detect", "align", "embed" or "match". */
        STAGE,
        /** One run of one network. */
        NETWORK,
        /** One run of an operator that the operator library computed. */
        OPERATOR
    }

    private static final double NANOSECONDS = 1e3;

    private final String name;
    private final Kind kind;
    private final long start;
    private final long end;
    private final int depth;
    private final String kernels;

    Span(String name, Kind kind, long start, long end, int depth, String kernels) {
        this.name = name;
        this.kind = kind;
        this.start = start;
        this.end = end;
        this.depth = depth;
        this.kernels = kernels;
    }

    /** What ran. */
    @NotNull
    public String name() {
        return name;
    }

    /** Whether it is a stage, a network or an operator. */
    @NotNull
    public Kind kind() {
        return kind;
    }

    /** When it began, on the clock of {@link System#nanoTime}. */
    public long startNanos() {
        return start;
    }

    /** How long it took, in milliseconds. */
    public double milliseconds() {
        return (end - start) / 1e6;
    }

    /** Spans that it lies in. */
    public int depth() {
        return depth;
    }

    /** The kernel path that ran an operator; empty for other kinds. */
    @NotNull
    public String kernels() {
        return kernels;
    }

    long end() {
        return end;
    }

    /** The record of the bench report's schema, its start counted from another moment. */
    Map<String, Object> toMap(long origin) {
        Map<String, Object> record = new LinkedHashMap<>();
        record.put("name", name);
        record.put("kind", kind.name().toLowerCase(java.util.Locale.ROOT));
        record.put("start_us", (start - origin) / NANOSECONDS);
        record.put("duration_us", (end - start) / NANOSECONDS);
        record.put("depth", depth);
        record.put("kernels", kernels);
        return record;
    }

    @Override
    @NotNull
    public String toString() {
        return "Span(" + name + ", " + milliseconds() + " ms)";
    }
}
