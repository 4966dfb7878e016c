package org.facesdk;

import java.nio.ByteBuffer;

/** Conversion of camera frames to upright RGB, in C ({@code facesdk_face.h}). */
final class NativeFrame {
    private static final int MAX_SIDE = 1 << 20;
    private static final long MAX_BYTES = 1L << 30;
    private static final int CHANNELS = 3;

    static {
        NativeLibrary.load();
    }

    private NativeFrame() {}

    /** Memory for an upright picture of these sides. */
    static ByteBuffer room(int width, int height) {
        if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE) {
            throw new InputException(
                    "sides of a frame must be in 1.."
                            + MAX_SIDE
                            + ", but got "
                            + width
                            + " x "
                            + height);
        }
        long bytes = (long) CHANNELS * width * height;
        if (bytes > MAX_BYTES) {
            throw new InputException(
                    "a frame may have at most "
                            + MAX_BYTES
                            + " bytes, but got "
                            + width
                            + " x "
                            + height
                            + " pixels");
        }
        return ByteBuffer.allocateDirect((int) bytes);
    }

    /** The buffer, if it is direct. */
    static ByteBuffer direct(ByteBuffer buffer) {
        if (!buffer.isDirect()) {
            throw new InputException(
                    "a buffer of pixels must be direct: make it with ByteBuffer.allocateDirect");
        }
        return buffer;
    }

    static native void fromRgb(
            ByteBuffer source,
            int from,
            int to,
            int rowStride,
            int pixelStride,
            int width,
            int height,
            int rotation,
            ByteBuffer upright);

    static native void fromNv21(
            byte[] data, int width, int height, int rotation, ByteBuffer upright);

    /**
     * @param layout for Y, U and V: position, limit, row stride, pixel stride
     */
    static native void fromYuv420(
            ByteBuffer y,
            ByteBuffer u,
            ByteBuffer v,
            int[] layout,
            int width,
            int height,
            int rotation,
            ByteBuffer upright);
}
