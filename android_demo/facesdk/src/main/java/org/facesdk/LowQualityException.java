package org.facesdk;

import org.jetbrains.annotations.NotNull;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** A face is not fit to be compared: a verdict on it would not mean what it says. */
public final class LowQualityException extends InputException {
    private static final long serialVersionUID = 1L;

    private final transient List<String> reasons;

    LowQualityException(@NotNull List<String> reasons) {
        super(String.join("; ", reasons));
        this.reasons = Collections.unmodifiableList(new ArrayList<>(reasons));
    }

    /** What is wrong, a sentence each, with the frame's name before it. */
    @NotNull
    public List<String> reasons() {
        return reasons;
    }
}
