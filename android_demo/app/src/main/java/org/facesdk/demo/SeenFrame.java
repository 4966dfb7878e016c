package org.facesdk.demo;

import org.facesdk.Detections;
import org.facesdk.Embedding;
import org.facesdk.Face;
import org.facesdk.FaceEngine;
import org.facesdk.Frame;
import org.facesdk.Gallery;
import org.facesdk.Identification;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** A frame with its faces, their names, and the time that took. */
final class SeenFrame {
    private static final int MOST_FACES = 5;

    final Frame frame;

    /** Largest first. */
    final List<SeenFace> faces;

    final double findMs;
    final double recogniseMs;

    private SeenFrame(Frame frame, List<SeenFace> faces, double findMs, double recogniseMs) {
        this.frame = frame;
        this.faces = Collections.unmodifiableList(faces);
        this.findMs = findMs;
        this.recogniseMs = recogniseMs;
    }

    /** Finds and names the faces of a frame; a job of {@link FaceWork}. */
    static SeenFrame look(FaceWork work, Frame frame) {
        FaceEngine engine = work.engine();
        Gallery gallery = work.gallery();
        long begun = System.nanoTime();
        Detections found = engine.detect(frame, MOST_FACES);
        long detected = System.nanoTime();
        List<SeenFace> faces = new ArrayList<>();
        for (Face face : found) {
            Embedding embedding = engine.embed(frame, face);
            Identification who = gallery.identify(embedding);
            faces.add(
                    new SeenFace(
                            face,
                            who.person() == null ? null : who.person().name(),
                            who.similarity()));
        }
        long named = System.nanoTime();
        return new SeenFrame(frame, faces, (detected - begun) / 1e6, (named - detected) / 1e6);
    }

    double totalMs() {
        return findMs + recogniseMs;
    }
}
