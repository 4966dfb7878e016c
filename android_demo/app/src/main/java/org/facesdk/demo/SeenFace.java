package org.facesdk.demo;

import org.facesdk.Face;

/** A face of a frame, and who it is if the gallery knows it. */
final class SeenFace {
    final Face face;

    /** The person's name, or null. */
    final String name;

    /** Similarity to the nearest template, or NaN if nobody is enrolled. */
    final double similarity;

    SeenFace(Face face, String name, double similarity) {
        this.face = face;
        this.name = name;
        this.similarity = similarity;
    }
}
