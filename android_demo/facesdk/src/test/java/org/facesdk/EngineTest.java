package org.facesdk;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import org.junit.AfterClass;
import org.junit.BeforeClass;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.Timeout;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * The engine on Android's x86_64 libraries: what Python computes of the samples, and how it is
 * shared and closed.
 */
public final class EngineTest {
    private static final double PIXELS = 0.5;
    private static final double COSINE = 0.99999;

    private static final int LIMIT_SECONDS = 60;

    private static FaceEngine engine;

    @Rule public final Timeout timeout = Timeout.seconds(LIMIT_SECONDS);

    @BeforeClass
    public static void open() {
        engine = Host.complete().build();
    }

    @AfterClass
    public static void close() {
        engine.close();
    }

    @Test
    public void facesArePythons() {
        for (String name : Host.photos()) {
            facesArePythons(engine.detect(Host.photo(name)), name, ".faces");
        }
    }

    @Test
    public void theFindersFacesArePythons() {
        try (FaceEngine finder = Host.finder().build()) {
            for (String name : Host.photos()) {
                facesArePythons(finder.detect(Host.photo(name)), name, ".finder.faces");
                facesArePythons(finder.detect(Host.photo(name), 1), name, ".finder.largest");
            }
            Profile profile = finder.profile(() -> finder.detect(Host.photo("obama")));
            for (String network : new String[] {"finder", "mtcnn-onet"}) {
                assertTrue(network, profile.milliseconds(Span.Kind.NETWORK, network) > 0);
            }
            assertEquals(0, profile.milliseconds(Span.Kind.NETWORK, "mtcnn-pnet"), 0);
        }
    }

    private static void facesArePythons(Detections found, String name, String suffix) {
        float[] expected = Host.floats(name + suffix);
        assertEquals(name, expected.length / Face.VALUES, found.faces().size());
        assertEquals(Host.size(name)[0], found.width());
        assertEquals(Host.size(name)[1], found.height());
        int index = 0;
        for (Face face : found) {
            Face python = Face.at(expected, index++);
            assertEquals(python.left(), face.left(), PIXELS);
            assertEquals(python.top(), face.top(), PIXELS);
            assertEquals(python.right(), face.right(), PIXELS);
            assertEquals(python.bottom(), face.bottom(), PIXELS);
            assertEquals(python.score(), face.score(), 1e-4);
            for (int i = 0; i < Face.LANDMARKS; ++i) {
                assertEquals(python.landmarks().get(i).x(), face.landmarks().get(i).x(), PIXELS);
                assertEquals(python.landmarks().get(i).y(), face.landmarks().get(i).y(), PIXELS);
            }
        }
    }

    @Test
    public void cropsOfPythonsFacesArePythonsToTheByte() {
        for (String name : Host.photos()) {
            Face python = Face.at(Host.floats(name + ".faces"), 0);
            Crop crop = engine.align(Host.photo(name), python);
            assertEquals(cropOf(name).width(), crop.width());
            assertEquals(112, crop.height());
            assertArrayEquals(Host.bytes(name + ".crop"), crop.rgb());
        }
    }

    @Test
    public void fromThePhotoOnTheSameRuntimeAllIsPythons() {
        try (FaceEngine finder = Host.finder().build()) {
            fromThePhoto(engine, "mtcnn");
            fromThePhoto(finder, "finder");
        }
    }

    private static void fromThePhoto(FaceEngine one, String detector) {
        Map<String, Embedding> found = new HashMap<>();
        for (String name : Host.photos()) {
            float[] faces = Host.floats(name + "." + detector + ".same.faces");
            Detections detections = one.detect(Host.photo(name));
            assertEquals(name, faces.length / Face.VALUES, detections.faces().size());
            for (int i = 0; i < detections.faces().size(); ++i) {
                assertSameFace(Face.at(faces, i), detections.faces().get(i), name);
            }
            found.put(name, one.embed(Host.photo(name)));
            double cosine =
                    found.get(name).similarity(python(name + "." + detector + ".same.vector"));
            assertTrue(name + " " + detector + " " + cosine, cosine > COSINE);
        }
        for (String a : found.keySet()) {
            for (String b : found.keySet()) {
                assertEquals(
                        Double.parseDouble(Host.value("same." + detector + "." + a + "." + b)),
                        found.get(a).similarity(found.get(b)),
                        1 - COSINE);
            }
        }
    }

    private static void assertSameFace(Face python, Face found, String name) {
        for (int i = 0; i < Face.LANDMARKS; ++i) {
            assertEquals(name, python.landmarks().get(i).x(), found.landmarks().get(i).x(), 1e-5);
            assertEquals(name, python.landmarks().get(i).y(), found.landmarks().get(i).y(), 1e-5);
        }
    }

    private static Embedding python(String file) {
        return Embedding.of(Host.floats(file), engine.model().name(), engine.model().id());
    }

    @Test
    public void embeddingsArePythons() {
        for (String name : Host.photos()) {
            Embedding python = python(name + ".vector");
            long before = FaceSdk.operatorRuns();
            Embedding found = engine.embed(Host.photo(name));
            assertNotEquals("our operators ran", before, FaceSdk.operatorRuns());
            assertTrue(name + " " + found.similarity(python), found.similarity(python) > COSINE);
            assertTrue(name, engine.embed(cropOf(name)).similarity(python) > COSINE);
        }
    }

    @Test
    public void verdictsArePythons() {
        for (String a : Host.photos()) {
            for (String b : Host.photos()) {
                String[] python = Host.value("verify." + a + "." + b).split(" ");
                Verification found = engine.verify(Host.photo(a), Host.photo(b));
                assertEquals(a + " " + b, python[0].equals("True"), found.same());
                assertEquals(Double.parseDouble(python[1]), found.similarity(), 1 - COSINE);
                assertEquals(Double.parseDouble(python[2]), found.match().threshold(), 0);
                assertEquals(1e-3, found.match().fmr(), 1e-12);
                assertTrue(
                        found.timings().detect() > 0
                                && found.timings().total() < 1e3 * LIMIT_SECONDS);
            }
        }
    }

    @Test
    public void contractIsThatOfTheFile() {
        ModelInfo model = engine.model();
        assertEquals(Host.value("model"), model.name());
        assertEquals(Host.value("model_id"), model.id());
        assertEquals(Host.value("template"), model.template());
        assertEquals(Host.value("license"), model.license());
        assertEquals(Integer.parseInt(Host.value("dim")), model.dim());
        assertEquals(Integer.parseInt(Host.value("thresholds")), model.thresholds().size());
        for (int i = 0; i < model.thresholds().size(); ++i) {
            String[] python = Host.value("threshold." + i).split(" ");
            assertEquals(Double.parseDouble(python[0]), model.thresholds().get(i).fmr(), 0);
            assertEquals(Double.parseDouble(python[1]), model.thresholds().get(i).similarity(), 0);
            assertEquals(Long.parseLong(python[2]), model.thresholds().get(i).positivePairs());
        }
    }

    @Test
    public void theChosenFaceIsPythons() {
        for (String name : Host.value("choices").split(",")) {
            int[] size = Host.size(name);
            Frame frame =
                    Frame.ofRgb(
                                    Host.direct(Host.bytes(name + ".rgb")),
                                    size[0],
                                    size[1],
                                    3 * size[0],
                                    0)
                            .named(name);
            String[] python = Host.value(name + ".choice").split(";;");
            float[] finds = Host.floats(name + ".finds");
            assertEquals(name, finds.length / Face.VALUES, engine.detect(frame).faces().size());
            if (python.length == 1) {
                assertThrows(name, NoFaceException.class, () -> engine.choose(frame));
                continue;
            }
            Choice chosen = engine.choose(frame);
            Face face = Face.at(finds, Integer.parseInt(python[0]));
            assertEquals(name, face.left(), chosen.face().left(), PIXELS);
            assertEquals(name, face.bottom(), chosen.face().bottom(), PIXELS);
            assertEquals(
                    name,
                    python[1].replaceAll("[0-9.]+,", ""),
                    chosen.reason().replaceAll("[0-9.]+,", ""));
            assertEquals(name, python[2].equals("True"), chosen.quality().acceptable());
        }
    }

    @Test
    public void facesOfLowQualityAreRefused() {
        Frame dark =
                Frame.ofRgb(
                                Host.direct(Host.bytes("dim.rgb")),
                                Host.size("dim")[0],
                                Host.size("dim")[1],
                                3 * Host.size("dim")[0],
                                0)
                        .named("dim");
        LowQualityException error =
                assertThrows(
                        LowQualityException.class, () -> engine.verify(dark, Host.photo("obama")));
        assertTrue(
                error.getMessage(),
                error.getMessage().startsWith("dim: the face is dark (mean level of 255)"));
        assertEquals(error.getMessage(), String.join("; ", error.reasons()));
        Verification allowed =
                engine.verify(dark, Host.photo("obama"), OperatingPoint.DEFAULT, true);
        assertEquals(2, allowed.choices().size());
        assertEquals(allowed.faces().get(1), allowed.choices().get(1).face());
    }

    @Test
    public void atMostSoManyFaces() {
        for (String name : Host.photos()) {
            Face largest = engine.detect(Host.photo(name)).faces().get(0);
            assertEquals(1, engine.detect(Host.photo(name), 1).faces().size());
            assertEquals(
                    largest.left(), engine.detect(Host.photo(name), 1).faces().get(0).left(), 2);
        }
        try (FaceEngine one = Host.complete().maxFaces(1).build()) {
            assertEquals(1, one.detect(Host.photo("obama")).faces().size());
        }
        assertEquals(0, engine.detect(Host.black()).faces().size());
    }

    @Test
    public void thresholdsBetweenAreThoseOfPython() {
        Embedding own =
                Embedding.of(
                        unit(engine.model().dim()), engine.model().name(), engine.model().id());
        for (String pair : Host.value("points").split(",")) {
            double rate = Double.parseDouble(pair.split(":")[0]);
            Match match = engine.compare(own, own, OperatingPoint.fmr(rate));
            assertEquals(Double.parseDouble(pair.split(":")[1]), match.threshold(), 1e-12);
            assertEquals(rate, match.fmr(), 0);
        }
        assertEquals(1e-3, engine.compare(own, own).fmr(), 0);
    }

    @Test
    public void sentencesArePythons() {
        Embedding own =
                Embedding.of(
                        unit(engine.model().dim()), engine.model().name(), engine.model().id());
        Embedding other =
                Embedding.of(
                        unit(engine.model().dim()),
                        "other",
                        new String(new char[64]).replace('\0', '0'));
        Embedding small = Embedding.of(unit(1), engine.model().name(), engine.model().id());
        says("no_face", NoFaceException.class, () -> engine.embed(Host.black()));
        says("fmr", InputException.class, () -> engine.compare(own, own, OperatingPoint.fmr(0.37)));
        says(
                "fmr_near",
                InputException.class,
                () -> engine.compare(own, own, OperatingPoint.fmr(1e-6)));
        says("threshold", InputException.class, () -> OperatingPoint.threshold(1.5));
        says("other_model", EmbeddingMismatchException.class, () -> engine.compare(other, own));
        Embedding pixels =
                Embedding.of(own.vector(), own.model(), EmbeddingsId.of(own.modelId(), 2));
        says("other_pixels", EmbeddingMismatchException.class, () -> engine.compare(pixels, own));
        says("others_pixels", EmbeddingMismatchException.class, () -> engine.compare(own, pixels));
        says("other_length", EmbeddingMismatchException.class, () -> engine.compare(own, small));
        for (float number : new float[] {0, 0.8f, Float.NaN}) {
            float[] vector = {number, number, number};
            assertThrows(InputException.class, () -> Embedding.of(vector, "m", own.modelId()));
        }
        says("min_face", InputException.class, () -> Host.complete().minFace(11).build());
        says("max_faces", InputException.class, () -> Host.complete().maxFaces(0));
        says("threads", InputException.class, () -> Host.complete().threads(65).build());
        Face point = Face.of(new float[4], 1, new float[] {7, 7, 7, 7, 7, 7, 7, 7, 7, 7});
        String python = Host.value("error.coincide");
        String words =
                assertThrows(InputException.class, () -> engine.align(Host.black(), point))
                        .getMessage();
        assertEquals(
                "all but how the numbers are written",
                python.split("\\[")[0],
                words.split("\\[")[0]);
    }

    private static Crop cropOf(String photo) {
        byte[] rgb = Host.bytes(photo + ".crop");
        return Crop.of(rgb, rgb.length / 3 / 112, 112);
    }

    private static float[] unit(int length) {
        float[] vector = new float[length];
        vector[0] = 1;
        return vector;
    }

    private static void says(
            String key, Class<? extends Exception> kind, org.junit.function.ThrowingRunnable call) {
        assertEquals(Host.value("error." + key), assertThrows(kind, call).getMessage());
    }

    @Test
    public void threadsShareAnEngine() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(4);
        List<Future<Double>> similarities = new ArrayList<>();
        Verification alone = engine.verify(Host.photo("obama"), Host.photo("obama2"));
        for (int i = 0; i < 8; ++i) {
            similarities.add(
                    threads.submit(
                            () ->
                                    engine.verify(Host.photo("obama"), Host.photo("obama2"))
                                            .similarity()));
        }
        for (Future<Double> similarity : similarities) {
            assertEquals(alone.similarity(), similarity.get(), 0);
        }
        threads.shutdown();
        assertTrue(threads.awaitTermination(5, TimeUnit.SECONDS));
    }

    @Test
    public void twoThreadsComputeWhatOneDoes() {
        Embedding one = engine.embed(Host.photo("biden"));
        try (FaceEngine two = Host.complete().threads(2).build()) {
            assertTrue(two.embed(Host.photo("biden")).similarity(one) > COSINE);
        }
    }

    @Test
    public void aClosedEngineSaysSo() {
        FaceEngine closed = Host.complete().build();
        Embedding embedding = closed.embed(Host.photo("obama"));
        closed.close();
        closed.close();
        String words = "this FaceEngine is closed";
        Crop crop = cropOf("obama");
        Face face = Face.at(Host.floats("obama.faces"), 0);
        assertEquals(
                words,
                assertThrows(IllegalStateException.class, () -> closed.detect(Host.photo("obama")))
                        .getMessage());
        assertEquals(
                words,
                assertThrows(IllegalStateException.class, () -> closed.embed(crop)).getMessage());
        assertEquals(
                words,
                assertThrows(
                                IllegalStateException.class,
                                () -> closed.align(Host.photo("obama"), face))
                        .getMessage());
        assertThrows(
                IllegalStateException.class,
                () -> closed.verify(Host.photo("obama"), Host.photo("obama")));
        assertTrue("comparing needs no network", closed.compare(embedding, embedding).same());
        assertEquals(Host.value("model"), closed.model().name());
    }

    @Test
    public void closingWaitsForTheCallThatRuns() throws Exception {
        for (int i = 0; i < 5; ++i) {
            FaceEngine shared = Host.complete().build();
            CountDownLatch started = new CountDownLatch(1);
            ExecutorService thread = Executors.newSingleThreadExecutor();
            Frame frame = Host.photo("obama");
            Future<Integer> count =
                    thread.submit(
                            () -> {
                                int done = 0;
                                started.countDown();
                                try {
                                    while (done < 10_000) {
                                        assertEquals(1, shared.detect(frame, 1).faces().size());
                                        ++done;
                                    }
                                } catch (IllegalStateException closed) {
                                    return done;
                                }
                                throw new AssertionError("the engine was never closed");
                            });
            started.await();
            Thread.sleep(20L * i);
            shared.close();
            assertTrue(count.get() >= 0);
            thread.shutdown();
        }
    }

    @Test
    public void enginesLeaveNothingBehind() {
        for (int i = 0; i < 20; ++i) {
            try (FaceEngine many = Host.complete().build()) {
                many.embed(cropOf("obama"));
            }
        }
    }

    @Test
    public void aCropOfAnotherSize() {
        Crop crop = Crop.of(new byte[3 * 97 * 112], 97, 112);
        assertEquals(
                "a crop must have " + cropOf("obama").width() + "x112 pixels, but got 97x112",
                assertThrows(InputException.class, () -> engine.embed(crop)).getMessage());
    }
}
