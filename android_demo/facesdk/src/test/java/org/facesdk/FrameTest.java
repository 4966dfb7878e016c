package org.facesdk;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import org.junit.Rule;
import org.junit.Test;
import org.junit.function.ThrowingRunnable;
import org.junit.rules.Timeout;

import java.nio.ByteBuffer;
import java.util.Random;

/**
 * Frames of every kind, turned every way. The arithmetic has its own tests in C; here what Java
 * hands over.
 */
public final class FrameTest {
    private static final int[] ROTATIONS = {0, 90, 180, 270};

    static {
        Host.photos(); // loads Android's libraries
    }

    @Rule public final Timeout timeout = Timeout.seconds(60);

    private static byte[] noise(int size, long seed) {
        byte[] bytes = new byte[size];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    private static byte[] pixels(Frame frame) {
        byte[] bytes = new byte[frame.rgb().remaining()];
        frame.rgb().get(bytes);
        return bytes;
    }

    /** RGB turned clockwise. */
    private static byte[] turned(byte[] rgb, int width, int height, int rotation) {
        byte[] result = new byte[rgb.length];
        int columns = rotation % 180 == 0 ? width : height;
        for (int y = 0; y < height; ++y) {
            for (int x = 0; x < width; ++x) {
                int column =
                        rotation == 0
                                ? x
                                : rotation == 90
                                        ? height - 1 - y
                                        : rotation == 180 ? width - 1 - x : y;
                int row =
                        rotation == 0
                                ? y
                                : rotation == 90
                                        ? x
                                        : rotation == 180 ? height - 1 - y : width - 1 - x;
                System.arraycopy(rgb, 3 * (y * width + x), result, 3 * (row * columns + column), 3);
            }
        }
        return result;
    }

    /** The native library is given nothing that is not there: it would end the process. */
    @Test
    public void nullIsAnExceptionOfJava() {
        ThrowingRunnable[] calls = {
            () -> Frame.ofNv21(null, 4, 4, 0),
            () -> Frame.ofRgb(null, 4, 4, 12, 0),
            () -> Frame.ofRgba(null, 4, 4, 16, 0),
            () -> new Frame.Plane(null, 4, 1),
            () -> Frame.ofYuv420(null, null, null, 4, 4, 0),
            () -> Crop.of(null, 4, 4),
            () -> Embedding.of(null, "model", "id"),
            () -> Face.of(new float[4], 1, null),
            () -> FaceEngine.builder().model("model", null),
        };
        for (ThrowingRunnable call : calls) {
            assertThrows(NullPointerException.class, call);
        }
    }

    @Test
    public void rgbaWithRowsApart() {
        int width = 7;
        int height = 5;
        int rowStride = 4 * width + 9;
        byte[] memory = noise(rowStride * height + 3, 1);
        byte[] rgb = new byte[3 * width * height];
        for (int i = 0; i < width * height; ++i) {
            System.arraycopy(memory, 3 + i / width * rowStride + 4 * (i % width), rgb, 3 * i, 3);
        }
        ByteBuffer buffer = Host.direct(memory);
        buffer.position(3);
        for (int rotation : ROTATIONS) {
            Frame frame = Frame.ofRgba(buffer, width, height, rowStride, rotation);
            assertEquals(rotation % 180 == 0 ? width : height, frame.width());
            assertEquals(rotation % 180 == 0 ? height : width, frame.height());
            assertArrayEquals(turned(rgb, width, height, rotation), pixels(frame));
        }
    }

    @Test
    public void nv21IsItsPlanes() {
        int[][] sizes = {{6, 4}, {7, 5}, {1, 1}, {640, 3}};
        for (int[] size : sizes) {
            int width = size[0];
            int height = size[1];
            int chroma = (width + 1) / 2 * ((height + 1) / 2);
            byte[] nv21 = noise(width * height + 2 * chroma, 2);
            ByteBuffer whole = Host.direct(nv21);
            ByteBuffer v = whole.duplicate();
            v.position(width * height);
            ByteBuffer u = whole.duplicate();
            u.position(width * height + 1);
            int row = 2 * ((width + 1) / 2);
            byte[] upright = pixels(Frame.ofNv21(nv21, width, height, 0));
            for (int rotation : ROTATIONS) {
                byte[] expected = turned(upright, width, height, rotation);
                assertArrayEquals(expected, pixels(Frame.ofNv21(nv21, width, height, rotation)));
                assertArrayEquals(
                        expected,
                        pixels(
                                Frame.ofYuv420(
                                        new Frame.Plane(whole, width, 1),
                                        new Frame.Plane(u, row, 2),
                                        new Frame.Plane(v, row, 2),
                                        width,
                                        height,
                                        rotation)));
            }
        }
    }

    @Test
    public void greyAndRedInYuv() {
        byte[] nv21 = {(byte) 200, (byte) 200, (byte) 200, (byte) 200, (byte) 128, (byte) 128};
        for (byte level : pixels(Frame.ofNv21(nv21, 2, 2, 0))) {
            assertEquals((byte) 200, level);
        }
        byte[] red = {76, 76, 76, 76, (byte) 255, 85};
        byte[] rgb = pixels(Frame.ofNv21(red, 2, 2, 0));
        assertTrue((rgb[0] & 0xff) > 250 && (rgb[1] & 0xff) < 5 && (rgb[2] & 0xff) < 5);
    }

    @Test
    public void aFrameOwnsItsPixels() {
        ByteBuffer buffer = Host.direct(noise(12, 3));
        Frame frame = Frame.ofRgb(buffer, 2, 2, 6, 0);
        byte[] before = pixels(frame);
        for (int i = 0; i < 12; ++i) {
            buffer.put(i, (byte) 0);
        }
        assertArrayEquals(before, pixels(frame));
        assertTrue(frame.rgb().isReadOnly());
        assertEquals("the frame (" + frame.width() + "x" + frame.height() + ")", frame.name());
        assertEquals("a.jpg", frame.named("a.jpg").name());
    }

    @Test
    public void whatDoesNotFit() {
        ByteBuffer small = ByteBuffer.allocateDirect(35);
        refused("needs 36 bytes, but has 35", () -> Frame.ofRgb(small, 4, 3, 12, 0));
        refused("strides", () -> Frame.ofRgb(small, 4, 3, 11, 0));
        refused(
                "rotation must be 0, 90, 180 or 270, but got 45",
                () -> Frame.ofRgb(small, 2, 2, 6, 45));
        refused("must be direct", () -> Frame.ofRgb(ByteBuffer.allocate(36), 4, 3, 12, 0));
        refused("must be direct", () -> new Frame.Plane(ByteBuffer.allocate(36), 4, 1));
        refused("sides of a frame", () -> Frame.ofRgb(small, 0, 3, 12, 0));
        refused("sides of a frame", () -> Frame.ofNv21(new byte[9], -1, 3, 0));
        refused("at most 1073741824 bytes", () -> Frame.ofNv21(new byte[9], 1 << 20, 1 << 20, 0));
        refused(
                "an NV21 frame of 4 x 4 pixels has 24 bytes, but got 23",
                () -> Frame.ofNv21(new byte[23], 4, 4, 0));
        ByteBuffer past = ByteBuffer.allocateDirect(36);
        past.position(10);
        refused("needs 36 bytes, but has 26", () -> Frame.ofRgb(past, 4, 3, 12, 0));
    }

    private static void refused(String words, org.junit.function.ThrowingRunnable call) {
        String message = assertThrows(InputException.class, call).getMessage();
        assertTrue(message, message.contains(words));
    }

    @Test
    public void turnedCameraFramesHaveTheSameFace() {
        int[] size = Host.size("obama");
        try (FaceEngine engine = Host.complete().build()) {
            Face upright = engine.detect(Host.photo("obama"), 1).faces().get(0);
            byte[] rgb = Host.bytes("obama.rgb");
            for (int rotation : ROTATIONS) {
                int back = (360 - rotation) % 360;
                byte[] sensor = turned(rgb, size[0], size[1], back);
                int width = back % 180 == 0 ? size[0] : size[1];
                int height = back % 180 == 0 ? size[1] : size[0];
                Frame frame = Frame.ofRgb(Host.direct(sensor), width, height, 3 * width, rotation);
                assertEquals(upright, engine.detect(frame, 1).faces().get(0));
            }
        }
    }
}
