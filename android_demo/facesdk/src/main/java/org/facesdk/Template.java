package org.facesdk;

import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

import java.util.Date;

/** A stored embedding, without its numbers. */
public final class Template {
    private final long id;
    private final String person;
    private final String name;
    private final long created;
    private final long expires;
    private final double quality;

    Template(long id, String person, String name, long created, long expires, double quality) {
        this.id = id;
        this.person = person;
        this.name = name;
        this.created = created;
        this.expires = expires;
        this.quality = quality;
    }

    /** Its number in the gallery; never given twice. */
    public long id() {
        return id;
    }

    /** Id of the person. */
    @NotNull
    public String person() {
        return person;
    }

    /** Name of the person. */
    @NotNull
    public String name() {
        return name;
    }

    /** When it was enrolled. */
    @NotNull
    public Date created() {
        return new Date(created);
    }

    /** From when on it is not compared any more; null for never. */
    @Nullable
    public Date expires() {
        return expires == 0 ? null : new Date(expires);
    }

    /** Quality of the face in the frame, 0 to 1. */
    public double quality() {
        return quality;
    }

    long createdMillis() {
        return created;
    }

    long expiresMillis() {
        return expires;
    }

    boolean comparedAt(long now) {
        return expires == 0 || now < expires;
    }

    @Override
    @NotNull
    public String toString() {
        return "Template(" + id + ", person " + person + ")";
    }
}
