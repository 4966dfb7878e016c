package org.facesdk;

import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.util.Properties;

/**
 * What the tests on the host JVM have in common: Android's libraries, and what Python says of the
 * samples.
 */
final class Host {
    private static final File REFERENCE = new File(System.getProperty("facesdk.reference"));
    private static final File MODELS = new File(System.getProperty("facesdk.models"));

    static final Properties VALUES = new Properties();

    static {
        for (String library : System.getProperty("facesdk.preload").split(File.pathSeparator)) {
            System.load(library);
        }
        try {
            VALUES.load(new ByteArrayInputStream(bytes("values.properties")));
            VALUES.load(new ByteArrayInputStream(bytes("same.properties")));
        } catch (IOException error) {
            throw new AssertionError(error);
        }
    }

    private Host() {}

    static String value(String key) {
        String value = VALUES.getProperty(key);
        if (value == null) {
            throw new AssertionError("the reference has no " + key);
        }
        return value;
    }

    static String[] photos() {
        return value("photos").split(",");
    }

    static byte[] bytes(String file) {
        try {
            return Files.readAllBytes(new File(REFERENCE, file).toPath());
        } catch (IOException error) {
            throw new AssertionError(error);
        }
    }

    static float[] floats(String file) {
        FloatBuffer buffer =
                ByteBuffer.wrap(bytes(file)).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
        float[] values = new float[buffer.remaining()];
        buffer.get(values);
        return values;
    }

    static int[] size(String photo) {
        String[] words = value(photo + ".size").split(" ");
        return new int[] {Integer.parseInt(words[0]), Integer.parseInt(words[1])};
    }

    static ByteBuffer direct(byte[] bytes) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(bytes.length);
        buffer.put(bytes);
        buffer.rewind();
        return buffer;
    }

    static Frame photo(String name) {
        int[] size = size(name);
        return Frame.ofRgb(direct(bytes(name + ".rgb")), size[0], size[1], 3 * size[0], 0)
                .named(name);
    }

    static Frame black() {
        return Frame.ofRgb(ByteBuffer.allocateDirect(3 * 60 * 80), 60, 80, 180, 0);
    }

    static File model(String path) {
        return new File(MODELS, path);
    }

    static FaceEngine.Builder detector() {
        return FaceEngine.builder()
                .detector(
                        model("detection/mtcnn-pnet.tflite"),
                        model("detection/mtcnn-rnet.tflite"),
                        model("detection/mtcnn-onet.tflite"))
                .minFace(Integer.parseInt(value("min_face")));
    }

    /** The finder and O-Net. */
    static FaceEngine.Builder finder() {
        return FaceEngine.builder()
                .detector(model("detection/finder.tflite"), model("detection/mtcnn-onet.tflite"))
                .minFace(Integer.parseInt(value("min_face")))
                .model(model("recognition/compactfacenet-qb.tflite"));
    }

    static FaceEngine.Builder complete() {
        return detector().model(model("recognition/compactfacenet-qb.tflite"));
    }
}
