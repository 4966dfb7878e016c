package org.facesdk;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.Timeout;

/** The engine on a runtime without XNNPACK. */
public final class PlainRuntimeTest {
    @Rule public final Timeout timeout = Timeout.seconds(60);

    @Test
    public void itsOwnOperatorsDo() {
        try (FaceEngine engine = Host.finder().build()) {
            for (String name : Host.photos()) {
                Face python = Face.at(Host.floats(name + ".finder.faces"), 0);
                Face found = engine.detect(Host.photo(name)).faces().get(0);
                assertEquals(python.left(), found.left(), 0.5);
                assertEquals(python.bottom(), found.bottom(), 0.5);
                Embedding same =
                        Embedding.of(
                                Host.floats(name + ".finder.same.vector"),
                                engine.model().name(),
                                engine.model().id());
                double cosine = engine.embed(Host.photo(name)).similarity(same);
                assertTrue(name + " " + cosine, cosine > 0.95 && cosine < 0.99999);
            }
        }
    }
}
