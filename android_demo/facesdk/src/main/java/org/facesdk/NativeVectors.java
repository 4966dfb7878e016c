package org.facesdk;

/** Arithmetic on embeddings, in C. */
final class NativeVectors {
    static {
        NativeLibrary.load();
    }

    private NativeVectors() {}

    /**
     * Cosines of a unit vector with others.
     *
     * @param probe of Euclidean length 1
     * @param others one or more vectors of the probe's length, one after the other
     */
    static native float[] similarities(float[] probe, float[] others);
}
