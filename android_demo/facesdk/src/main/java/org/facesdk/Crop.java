package org.facesdk;

import android.graphics.Bitmap;

import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

import java.util.Arrays;

/**
 * One face, cut out and turned so that its landmarks meet the model's template: RGB, three bytes
 * per pixel.
 */
public final class Crop {
    private static final int CHANNELS = 3;

    private final byte[] rgb;
    private final int width;
    private final int height;

    private Crop(byte[] rgb, int width, int height) {
        this.rgb = rgb;
        this.width = width;
        this.height = height;
    }

    /**
     * A crop that was kept, as {@link FaceEngine#align} cut it.
     *
     * @param rgb {@code 3 * width * height} bytes, row by row
     * @throws InputException the number of bytes is another
     */
    @NotNull
    public static Crop of(@NotNull byte[] rgb, int width, int height) {
        if (width < 1 || height < 1 || rgb.length != (long) CHANNELS * width * height) {
            throw new InputException(
                    "a crop of "
                            + width
                            + "x"
                            + height
                            + " pixels must have "
                            + (long) CHANNELS * width * height
                            + " bytes, but got "
                            + rgb.length);
        }
        return new Crop(rgb.clone(), width, height);
    }

    /** What the native library made; the array is not copied. */
    static Crop made(byte[] rgb, int width, int height) {
        return new Crop(rgb, width, height);
    }

    /** Columns. */
    public int width() {
        return width;
    }

    /** Rows. */
    public int height() {
        return height;
    }

    /** {@code 3 * width * height} bytes, row by row; a copy. */
    @NotNull
    public byte[] rgb() {
        return rgb.clone();
    }

    /** The bytes themselves, for the native library, which only reads them. */
    byte[] bytes() {
        return rgb;
    }

    /** The crop as a picture to show. */
    @NotNull
    public Bitmap toBitmap() {
        int[] colors = new int[width * height];
        for (int i = 0; i < colors.length; ++i) {
            colors[i] =
                    0xff000000
                            | ((rgb[CHANNELS * i] & 0xff) << 16)
                            | ((rgb[CHANNELS * i + 1] & 0xff) << 8)
                            | (rgb[CHANNELS * i + 2] & 0xff);
        }
        return Bitmap.createBitmap(colors, width, height, Bitmap.Config.ARGB_8888);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Crop
                && ((Crop) other).width == width
                && Arrays.equals(((Crop) other).rgb, rgb);
    }

    @Override
    public int hashCode() {
        return 31 * width + Arrays.hashCode(rgb);
    }

    @Override
    @NotNull
    public String toString() {
        return "Crop(" + width + "x" + height + ")";
    }
}
