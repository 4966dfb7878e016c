package org.facesdk;

import android.graphics.Bitmap;
import android.media.Image;

import org.jetbrains.annotations.NotNull;

import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.util.Objects;

/**
 * A picture to look for faces in: upright, RGB, in memory of its own.
 *
 * <p>Whatever it is made from may be reused or closed as soon as the factory returns. Frames are
 * immutable, threads may share them, and they need not be closed. {@code rotation} is by how many
 * degrees the picture must be turned clockwise to be upright (0, 90, 180 or 270), as {@code
 * ImageInfo.getRotationDegrees()} of CameraX says it.
 */
public final class Frame {
    /** A plane of a YUV picture. The buffer is read from its position on, up to its limit. */
    public static final class Plane {
        final ByteBuffer buffer;
        final int rowStride;
        final int pixelStride;

        /**
         * A plane, as {@link Image.Plane} describes it.
         *
         * @param buffer direct
         * @param rowStride bytes from one row to the next
         * @param pixelStride bytes from one sample to the next
         */
        public Plane(@NotNull ByteBuffer buffer, int rowStride, int pixelStride) {
            this.buffer = NativeFrame.direct(buffer);
            this.rowStride = rowStride;
            this.pixelStride = pixelStride;
        }
    }

    private static final int RGB = 3;
    private static final int OPAQUE = 255;
    private static final int RGBA = 4;

    private final ByteBuffer pixels;
    private final int width;
    private final int height;
    private final String name;

    private Frame(ByteBuffer pixels, int width, int height, String name) {
        this.pixels = pixels;
        this.width = width;
        this.height = height;
        this.name = name;
    }

    /**
     * An upright bitmap of any configuration.
     *
     * @throws InputException the bitmap is recycled
     */
    @NotNull
    public static Frame ofBitmap(@NotNull Bitmap bitmap) {
        return ofBitmap(bitmap, 0);
    }

    /**
     * A bitmap of any configuration. What is transparent in it is black.
     *
     * @throws InputException the bitmap is recycled, or the rotation is not one of the four
     */
    @NotNull
    public static Frame ofBitmap(@NotNull Bitmap bitmap, int rotation) {
        if (bitmap.isRecycled()) {
            throw new InputException("the bitmap is recycled");
        }
        Bitmap plain =
                bitmap.getConfig() == Bitmap.Config.ARGB_8888
                        ? bitmap
                        : bitmap.copy(Bitmap.Config.ARGB_8888, false);
        if (plain == null) {
            throw new InputException(
                    "a bitmap of the configuration " + bitmap.getConfig() + " cannot be read");
        }
        int width = plain.getWidth();
        int height = plain.getHeight();
        ByteBuffer rgba = rgba(plain, width, height);
        if (plain != bitmap) {
            plain.recycle();
        }
        return ofRgba(rgba, width, height, RGBA * width, rotation);
    }

    /**
     * The colours of a bitmap. Its own memory has them in an order that differs between machines,
     * {@code getPixels} has not.
     */
    private static ByteBuffer rgba(Bitmap bitmap, int width, int height) {
        ByteBuffer rgba = ByteBuffer.allocateDirect(RGBA * width * height);
        IntBuffer pixels = rgba.asIntBuffer(); // big-endian: red is the first byte of 0xRRGGBBAA
        int[] row = new int[width];
        for (int y = 0; y < height; ++y) {
            bitmap.getPixels(row, 0, width, 0, y, width, 1);
            for (int x = 0; x < width; ++x) {
                row[x] = Integer.rotateLeft(onBlack(row[x]), Byte.SIZE);
            }
            pixels.put(row);
        }
        return rgba;
    }

    /** A colour 0xAARRGGBB as it looks before black. */
    private static int onBlack(int color) {
        int alpha = color >>> 24;
        if (alpha == OPAQUE) {
            return color;
        }
        int red = ((color >> 16 & OPAQUE) * alpha + OPAQUE / 2) / OPAQUE;
        int green = ((color >> 8 & OPAQUE) * alpha + OPAQUE / 2) / OPAQUE;
        int blue = ((color & OPAQUE) * alpha + OPAQUE / 2) / OPAQUE;
        return OPAQUE << 24 | red << 16 | green << 8 | blue;
    }

    /**
     * Red, green, blue and a fourth byte per pixel, which is not looked at.
     *
     * @param rgba direct; read from its position on
     * @param rowStride bytes from one row to the next, at least {@code 4 * width}
     * @throws InputException the buffer is too small or not direct, or a number is out of its range
     */
    @NotNull
    public static Frame ofRgba(
            @NotNull ByteBuffer rgba, int width, int height, int rowStride, int rotation) {
        return ofPixels(rgba, RGBA, width, height, rowStride, rotation);
    }

    /**
     * Red, green and blue, three bytes per pixel.
     *
     * @param rgb direct; read from its position on
     * @param rowStride bytes from one row to the next, at least {@code 3 * width}
     * @throws InputException the buffer is too small or not direct, or a number is out of its range
     */
    @NotNull
    public static Frame ofRgb(
            @NotNull ByteBuffer rgb, int width, int height, int rowStride, int rotation) {
        return ofPixels(rgb, RGB, width, height, rowStride, rotation);
    }

    private static Frame ofPixels(
            ByteBuffer buffer,
            int pixelStride,
            int width,
            int height,
            int rowStride,
            int rotation) {
        ByteBuffer upright = NativeFrame.room(width, height);
        ByteBuffer source = NativeFrame.direct(buffer);
        NativeFrame.fromRgb(
                source,
                source.position(),
                source.limit(),
                rowStride,
                pixelStride,
                width,
                height,
                rotation,
                upright);
        return upright(upright, width, height, rotation);
    }

    /**
     * A preview frame of the old camera API: luma, then red and blue chroma interleaved.
     *
     * @param data at least {@code width * height + 2 * ceil(width / 2) * ceil(height / 2)} bytes
     * @throws InputException the array is too short, or a number is out of its range
     */
    @NotNull
    public static Frame ofNv21(@NotNull byte[] data, int width, int height, int rotation) {
        Objects.requireNonNull(data);
        ByteBuffer upright = NativeFrame.room(width, height);
        NativeFrame.fromNv21(data, width, height, rotation, upright);
        return upright(upright, width, height, rotation);
    }

    /**
     * A camera's image in YUV_420_888, of Camera2 or of CameraX ({@code ImageProxy.getImage()}).
     *
     * @throws InputException it has another format, or the rotation is not one of the four
     */
    @NotNull
    public static Frame ofImage(@NotNull Image image, int rotation) {
        if (image.getFormat() != android.graphics.ImageFormat.YUV_420_888) {
            throw new InputException(
                    "an image must have the format YUV_420_888, but got " + image.getFormat());
        }
        Image.Plane[] planes = image.getPlanes();
        Plane[] made = new Plane[planes.length];
        for (int i = 0; i < planes.length; ++i) {
            made[i] =
                    new Plane(
                            planes[i].getBuffer(),
                            planes[i].getRowStride(),
                            planes[i].getPixelStride());
        }
        return ofYuv420(made[0], made[1], made[2], image.getWidth(), image.getHeight(), rotation);
    }

    /**
     * A luma plane and two chroma planes of half its size in both directions, as in YUV_420_888
     * (full range, BT.601).
     *
     * @throws InputException a buffer is too small, or a number is out of its range
     */
    @NotNull
    public static Frame ofYuv420(
            @NotNull Plane y,
            @NotNull Plane u,
            @NotNull Plane v,
            int width,
            int height,
            int rotation) {
        ByteBuffer upright = NativeFrame.room(width, height);
        int[] layout = new int[12];
        Plane[] planes = {y, u, v};
        for (int i = 0; i < planes.length; ++i) {
            layout[4 * i] = planes[i].buffer.position();
            layout[4 * i + 1] = planes[i].buffer.limit();
            layout[4 * i + 2] = planes[i].rowStride;
            layout[4 * i + 3] = planes[i].pixelStride;
        }
        NativeFrame.fromYuv420(
                y.buffer, u.buffer, v.buffer, layout, width, height, rotation, upright);
        return upright(upright, width, height, rotation);
    }

    private static Frame upright(ByteBuffer pixels, int width, int height, int rotation) {
        boolean turned = rotation % 180 != 0;
        int across = turned ? height : width;
        int down = turned ? width : height;
        return new Frame(pixels, across, down, "the frame (" + across + "x" + down + ")");
    }

    /**
     * The same picture with another name for error messages, which is "the frame (640x480)" at
     * first.
     */
    @NotNull
    public Frame named(@NotNull String newName) {
        return new Frame(pixels, width, height, newName);
    }

    /** Columns of the upright picture. */
    public int width() {
        return width;
    }

    /** Rows of the upright picture. */
    public int height() {
        return height;
    }

    /** What error messages call it. */
    @NotNull
    public String name() {
        return name;
    }

    /**
     * The upright picture: {@code 3 * width * height} bytes, red, green and blue, row by row; a
     * read-only view.
     */
    @NotNull
    public ByteBuffer rgb() {
        return pixels.asReadOnlyBuffer();
    }

    /** The pixels for the native library. */
    ByteBuffer pixels() {
        return pixels;
    }

    @Override
    @NotNull
    public String toString() {
        return "Frame(" + name + ", " + width + "x" + height + ")";
    }
}
