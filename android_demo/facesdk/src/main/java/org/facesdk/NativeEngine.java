package org.facesdk;

import java.nio.ByteBuffer;

/** The networks and what is computed around them, in C. A handle is for one thread at a time. */
final class NativeEngine {
    /**
     * Numbers before those of the thresholds, and numbers for each threshold, in {@link #numbers}.
     */
    static final int LEADING = 8;

    /** Where the numbers of {@link Models#digest} begin. */
    static final int ORIGINAL = 3;

    /** Where the versions of the pixel functions are: of the thresholds, of this library. */
    static final int PIXELS = 6;

    static final int THRESHOLD = 5;

    static {
        NativeLibrary.load();
    }

    private NativeEngine() {}

    /**
     * Opens an engine; the models are copied.
     *
     * @param detector the buffers of P-Net, R-Net, O-Net and a finder, direct: MTCNN's three, or
     *     the finder and O-Net; null for the others
     * @param recognizer direct
     * @param names of all five, for messages
     * @return a handle for {@link #close}
     */
    static native long open(
            ByteBuffer[] detector, ByteBuffer recognizer, String[] names, int minFace, int threads);

    static native void close(long engine);

    /** name, architecture, variant, template, license, thresholds_source, training_data. */
    static native String[] texts(long engine);

    /**
     * dim, crop width, crop height; length of the model file before it was given its contract (0:
     * that is the file itself), the position of the offset of the contract, that offset before;
     * version of the pixel functions that cut the crops of the thresholds (0: they were given), and
     * of this library's; then fmr, similarity, fnmr, positive and negative pairs for each
     * threshold.
     */
    static native double[] numbers(long engine);

    /** {@link Face#VALUES} numbers per face; {@code maxFaces} 0: all. */
    static native float[] detect(
            long engine, ByteBuffer pixels, int width, int height, int maxFaces);

    static native byte[] align(
            long engine, ByteBuffer pixels, int width, int height, float[] landmarks);

    static native float[] embed(long engine, byte[] crop);

    /**
     * Finds the face that is compared.
     *
     * @param face gets the {@link Face#VALUES} numbers of the face
     * @param numbers gets the score and the measures of its {@link Quality}
     * @return why this one, then the reasons of its quality; null if there is no face
     */
    static native String[] choose(
            long engine, ByteBuffer pixels, int width, int height, float[] face, double[] numbers);

    /**
     * How fit a face is to be compared; needs no engine.
     *
     * @param numbers gets the score and the measures of {@link Quality}
     * @return the reasons
     */
    static native String[] quality(
            ByteBuffer pixels,
            int width,
            int height,
            float[] landmarks,
            double score,
            double[] numbers);
}
