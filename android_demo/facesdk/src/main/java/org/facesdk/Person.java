package org.facesdk;

import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

import java.util.Date;

/** Somebody who is enrolled in a gallery. */
public final class Person {
    private final String id;
    private final String name;
    private final int templates;
    private final long created;
    private final long expires;

    Person(String id, String name, int templates, long created, long expires) {
        this.id = id;
        this.name = name;
        this.templates = templates;
        this.created = created;
        this.expires = expires;
    }

    /** 16 hexadecimal digits, drawn at random; never given twice. */
    @NotNull
    public String id() {
        return id;
    }

    /** What the person is called; unique in a gallery. */
    @NotNull
    public String name() {
        return name;
    }

    /** Number of stored templates. */
    public int templates() {
        return templates;
    }

    /** When the first of them was enrolled. */
    @NotNull
    public Date created() {
        return new Date(created);
    }

    /** When the last of them stops being compared; null if one never does. */
    @Nullable
    public Date expires() {
        return expires == 0 ? null : new Date(expires);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Person && ((Person) other).id.equals(id);
    }

    @Override
    public int hashCode() {
        return id.hashCode();
    }

    @Override
    @NotNull
    public String toString() {
        return "Person(" + id + ", " + templates + " templates)";
    }
}
