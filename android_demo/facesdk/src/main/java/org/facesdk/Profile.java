package org.facesdk;

import org.jetbrains.annotations.NotNull;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What an engine did while it was recorded: stages, in them the runs of networks, in those our
 * operators.
 */
public final class Profile {
    private final List<Span> spans;
    private final long lost;

    Profile(List<Span> spans, long lost) {
        List<Span> sorted = new ArrayList<>(spans);
        Collections.sort(
                sorted,
                (a, b) ->
                        a.startNanos() != b.startNanos()
                                ? Long.compare(a.startNanos(), b.startNanos())
                                : Integer.compare(a.depth(), b.depth()));
        this.spans = Collections.unmodifiableList(sorted);
        this.lost = lost;
    }

    /** The spans, by when they began. */
    @NotNull
    public List<Span> spans() {
        return spans;
    }

    /**
     * How many runs of networks and operators there was no room for: a profile keeps the first
     * 16,384 and 65,536.
     */
    public long lost() {
        return lost;
    }

    /** Time of all spans of a kind and name together, in milliseconds. */
    public double milliseconds(@NotNull Span.Kind kind, @NotNull String name) {
        double sum = 0;
        for (Span span : spans) {
            if (span.kind() == kind && span.name().equals(name)) {
                sum += span.milliseconds();
            }
        }
        return sum;
    }

    /** The spans as JSON: a list of the records "span" of the bench report's schema. */
    @NotNull
    public String toJson() {
        return Json.text(records());
    }

    List<Map<String, Object>> records() {
        List<Map<String, Object>> records = new ArrayList<>();
        for (Span span : spans) {
            records.add(new LinkedHashMap<>(span.toMap(spans.get(0).startNanos())));
        }
        return records;
    }

    @Override
    @NotNull
    public String toString() {
        return "Profile(" + spans.size() + " spans)";
    }
}
