package org.facesdk;

import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;

/** The faces of one frame, largest box first. */
public final class Detections implements Iterable<Face> {
    private final int width;
    private final int height;
    private final List<Face> faces;

    Detections(int width, int height, List<Face> faces) {
        this.width = width;
        this.height = height;
        this.faces = Collections.unmodifiableList(new ArrayList<>(faces));
    }

    /** Width of the upright frame, in pixels. */
    public int width() {
        return width;
    }

    /** Height of the upright frame, in pixels. */
    public int height() {
        return height;
    }

    /** The faces, largest box first; empty if there is none. */
    @NotNull
    public List<Face> faces() {
        return faces;
    }

    @Override
    @NotNull
    public Iterator<Face> iterator() {
        return faces.iterator();
    }

    @Override
    public boolean equals(@Nullable Object other) {
        if (!(other instanceof Detections)) {
            return false;
        }
        Detections that = (Detections) other;
        return that.width == width && that.height == height && that.faces.equals(faces);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * width + height) + faces.hashCode();
    }

    @Override
    @NotNull
    public String toString() {
        return "Detections(" + width + "x" + height + ", " + faces + ")";
    }
}
