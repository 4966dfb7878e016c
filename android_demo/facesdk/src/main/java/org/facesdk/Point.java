package org.facesdk;

import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

/** A point of an upright frame, in pixels. */
public final class Point {
    private final float x;
    private final float y;

    /**
     * A point.
     *
     * @param x from the left edge, in pixels
     * @param y from the top edge, in pixels
     */
    public Point(float x, float y) {
        this.x = x;
        this.y = y;
    }

    /** From the left edge, in pixels. */
    public float x() {
        return x;
    }

    /** From the top edge, in pixels. */
    public float y() {
        return y;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Point && ((Point) other).x == x && ((Point) other).y == y;
    }

    @Override
    public int hashCode() {
        return 31 * Float.floatToIntBits(x) + Float.floatToIntBits(y);
    }

    @Override
    @NotNull
    public String toString() {
        return "(" + x + ", " + y + ")";
    }
}
