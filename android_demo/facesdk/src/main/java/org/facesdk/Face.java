package org.facesdk;

import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * One detected face, in pixels of the upright frame it was found in.
 *
 * <p>The box may reach beyond the frame. The landmarks are, in this order: the eye on the left of
 * the picture, the eye on the right, the tip of the nose, the corner of the mouth on the left, the
 * corner on the right.
 */
public final class Face {
    /** Landmarks of a face. */
    public static final int LANDMARKS = 5;

    private static final int BOX = 4;
    static final int VALUES = BOX + 1 + 2 * LANDMARKS;

    private final float[] values;

    private Face(float[] values) {
        this.values = values;
    }

    /**
     * A face that another detector found.
     *
     * @param box left, top, right, bottom
     * @param score the detector's confidence, 0 to 1
     * @param landmarks x and y of each of the five landmarks, in the order above
     * @throws InputException an array has another length, or a number is not finite
     */
    @NotNull
    public static Face of(@NotNull float[] box, float score, @NotNull float[] landmarks) {
        if (box.length != BOX || landmarks.length != 2 * LANDMARKS) {
            throw new InputException(
                    "a face must have a box of 4 numbers and landmarks of 10, but got "
                            + box.length
                            + " and "
                            + landmarks.length);
        }
        float[] values = Arrays.copyOf(box, VALUES);
        values[BOX] = score;
        System.arraycopy(landmarks, 0, values, BOX + 1, landmarks.length);
        for (float value : values) {
            if (Float.isNaN(value) || Float.isInfinite(value)) {
                throw new InputException(
                        "a face must have finite numbers, but got " + Arrays.toString(values));
            }
        }
        return new Face(values);
    }

    /** The face at an index of what the native library returns. */
    static Face at(float[] faces, int index) {
        return new Face(Arrays.copyOfRange(faces, index * VALUES, (index + 1) * VALUES));
    }

    /** Left edge of the box. */
    public float left() {
        return values[0];
    }

    /** Top edge of the box. */
    public float top() {
        return values[1];
    }

    /** Right edge of the box. */
    public float right() {
        return values[2];
    }

    /** Bottom edge of the box. */
    public float bottom() {
        return values[3];
    }

    /** Width of the box. */
    public float width() {
        return right() - left();
    }

    /** Height of the box. */
    public float height() {
        return bottom() - top();
    }

    /** Area of the box, in square pixels. */
    public double area() {
        return (double) width() * height();
    }

    /** The detector's confidence, 0 to 1. */
    public float score() {
        return values[BOX];
    }

    /** The five landmarks, in the order of this class's description. */
    @NotNull
    public List<Point> landmarks() {
        List<Point> points = new ArrayList<>(LANDMARKS);
        for (int i = BOX + 1; i < VALUES; i += 2) {
            points.add(new Point(values[i], values[i + 1]));
        }
        return Collections.unmodifiableList(points);
    }

    /** x and y of each landmark, as the native library takes them. */
    float[] coordinates() {
        return Arrays.copyOfRange(values, BOX + 1, VALUES);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Face && Arrays.equals(((Face) other).values, values);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(values);
    }

    @Override
    @NotNull
    public String toString() {
        return "Face("
                + left()
                + ", "
                + top()
                + ", "
                + right()
                + ", "
                + bottom()
                + ", score="
                + score()
                + ")";
    }
}
