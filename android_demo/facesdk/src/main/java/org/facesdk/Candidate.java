package org.facesdk;

import org.jetbrains.annotations.NotNull;

/** Somebody whom a probe may show. */
public final class Candidate {
    private final Person person;
    private final double similarity;

    Candidate(Person person, double similarity) {
        this.person = person;
        this.similarity = similarity;
    }

    /** Who. */
    @NotNull
    public Person person() {
        return person;
    }

    /** Cosine similarity of the person's most similar template, -1 to 1. */
    public double similarity() {
        return similarity;
    }

    @Override
    @NotNull
    public String toString() {
        return "Candidate(" + person + ", similarity=" + similarity + ")";
    }
}
