package org.facesdk;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.Timeout;

import java.io.File;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.Random;

/** Model files that cannot be used: an exception each, with the reason, and never a crash. */
public final class ModelsTest {
    private static final int DAMAGED = 200;

    static {
        Host.photos();
    }

    @Rule public final Timeout timeout = Timeout.seconds(120);

    private static FaceEngine withContract(String name) {
        return Host.detector()
                .model(name, Host.direct(Host.bytes("contracts/" + name + ".tflite")))
                .build();
    }

    @Test
    public void contractsThatAreRefused() {
        String[] names = Host.value("contracts").split(",");
        assertTrue(names.length > 15);
        for (String name : names) {
            ModelException error =
                    assertThrows(name, ModelException.class, () -> withContract(name).close());
            assertTrue(
                    name + ": " + error.getMessage(),
                    error.getMessage().contains(Host.value("contract." + name)));
        }
    }

    @Test
    public void contractsThatSayMore() {
        for (String name : Host.value("good_contracts").split(",")) {
            try (FaceEngine engine = withContract(name)) {
                assertEquals("m\u00f6del \u2713", engine.model().name());
                byte[] crop = Host.bytes("obama.crop");
                Embedding embedding = engine.embed(Crop.of(crop, crop.length / 3 / 112, 112));
                Embedding python =
                        Embedding.of(
                                Host.floats("contracts/" + name + ".vector"),
                                embedding.model(),
                                embedding.modelId());
                double ofItself = python.similarity(python);
                assertEquals(name, 1, embedding.similarity(python) / ofItself, 1e-5);
                assertEquals(name, ofItself, embedding.similarity(embedding), 1e-5 * ofItself);
                assertEquals(name, python.isClear(), embedding.isClear());
                assertTrue(name, !name.endsWith("shortened") || !embedding.isClear());
                assertTrue(name, !name.equals("clear") || embedding.isClear());
            }
        }
    }

    @Test
    public void thresholdsOfOtherPixelsAreWarnedOf() {
        try (FaceEngine engine = withContract("measured")) {
            assertEquals(
                    Collections.singletonList(Host.value("other_pixels")),
                    engine.model().warnings());
        }
        try (FaceEngine engine = Host.complete().build()) {
            assertEquals(Collections.emptyList(), engine.model().warnings());
            assertEquals(engine.model().id(), engine.model().embeddingsId());
        }
    }

    @Test
    public void filesThatAreNoModels() {
        refused("does not exist", () -> Host.detector().model(new File("/nowhere.tflite")));
        refused(
                "text is not a usable TFLite model",
                () -> Host.detector().model("text", Host.direct(new byte[100])).build());
        refused(
                "empty is not a usable TFLite model",
                () -> Host.detector().model("empty", Host.direct(new byte[0])).build());
        byte[] packed = Arrays.copyOf("fsdkpack".getBytes(StandardCharsets.UTF_8), 100);
        refused(
                "is a packed model",
                () -> Host.detector().model("packed", Host.direct(packed)).build());
        refused(
                "is a model for detection, but one for recognition is needed",
                () -> Host.detector().model(Host.model("detection/mtcnn-onet.tflite")).build());
        File pnet = Host.model("detection/mtcnn-pnet.tflite");
        refused(
                "is MTCNN P-Net, but MTCNN R-Net is needed",
                () -> Host.complete().detector(pnet, pnet, pnet).build());
        File onet = Host.model("detection/mtcnn-onet.tflite");
        refused(
                "is MTCNN P-Net, which is no finder: YuNet, Finder would be one",
                () -> Host.complete().detector(pnet, onet).build());
        File finder = Host.model("detection/finder.tflite");
        refused(
                "is Finder, but MTCNN O-Net is needed",
                () -> Host.complete().detector(finder, finder).build());
    }

    private static void refused(String words, org.junit.function.ThrowingRunnable call) {
        String message = assertThrows(ModelException.class, call).getMessage();
        assertTrue(message, message.contains(words));
    }

    @Test
    public void theLastDetectorCounts() {
        File finder = Host.model("detection/finder.tflite");
        File onet = Host.model("detection/mtcnn-onet.tflite");
        FaceEngine.Builder cascade = Host.complete().detector(finder, onet);
        cascade.detector(
                        Host.model("detection/mtcnn-pnet.tflite"),
                        Host.model("detection/mtcnn-rnet.tflite"),
                        onet)
                .build()
                .close();
        String message =
                assertThrows(InputException.class, () -> FaceEngine.builder().detector("eyes"))
                        .getMessage();
        assertEquals(
                "unknown detector 'eyes': choose one of mtcnn, finder, or give a finder's .tflite"
                        + " file",
                message);
    }

    @Test
    public void whatIsMissing() {
        assertTrue(
                assertThrows(InputException.class, () -> FaceEngine.builder().build())
                        .getMessage()
                        .contains("call model()"));
        assertTrue(
                assertThrows(InputException.class, () -> FaceEngine.builder().model("a.tflite"))
                        .getMessage()
                        .contains("FaceEngine.builder(context)"));
    }

    /** A buffer in Java's own memory, and the bytes after its position only. */
    @Test
    public void modelsInBuffersOfEveryKind() {
        byte[] bytes = Host.bytes("recognizer.tflite");
        ByteBuffer heap = ByteBuffer.allocate(bytes.length + 5);
        heap.position(5);
        heap.put(bytes);
        heap.position(5);
        try (FaceEngine engine = Host.detector().model("heap", heap).build()) {
            assertEquals(Host.value("recognizer_id"), engine.model().id());
        }
    }

    /** Truncations and flipped bytes of what is read before a runtime sees a file. */
    @Test
    public void damagedContracts() {
        byte[] whole = Host.bytes("recognizer.tflite");
        Random random = new Random(1);
        for (int i = 0; i < DAMAGED; ++i) {
            byte[] bytes =
                    Arrays.copyOf(whole, i % 2 == 0 ? random.nextInt(whole.length) : whole.length);
            if (i % 2 != 0) {
                int contract = Integer.parseInt(Host.value("contract_at"));
                for (int k = 0; k < 3; ++k) {
                    bytes[contract + random.nextInt(whole.length - contract)] ^=
                            (byte) (1 + random.nextInt(255));
                }
            }
            try {
                Host.detector().model("damaged", Host.direct(bytes)).build().close();
            } catch (ModelException refused) {
                assertTrue(refused.getMessage(), refused.getMessage().contains("damaged"));
            }
        }
    }
}
