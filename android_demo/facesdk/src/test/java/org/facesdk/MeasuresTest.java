package org.facesdk;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import org.junit.AfterClass;
import org.junit.BeforeClass;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.Timeout;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;

/** Quality, distributions, profiles and benchmark reports, against Python's. */
public final class MeasuresTest {
    private static final int ROOM = 65_536;

    private static FaceEngine engine;

    @Rule public final Timeout timeout = Timeout.seconds(60);

    @BeforeClass
    public static void open() {
        engine = Host.complete().build();
    }

    @AfterClass
    public static void close() {
        engine.close();
    }

    @Test
    public void qualityIsPythons() {
        for (String name : Host.value("qualities").split(",")) {
            int[] size = Host.size(name);
            Frame frame =
                    Frame.ofRgb(
                            Host.direct(Host.bytes(name + ".rgb")),
                            size[0],
                            size[1],
                            3 * size[0],
                            0);
            float[] row = Host.floats(name + ".face");
            Quality found = engine.quality(frame, Face.at(row, 0));
            String[] python = Host.value(name + ".quality").split(" ");
            double[] numbers = {
                found.score(),
                found.eyeDistance(),
                found.sharpness(),
                found.eyes(),
                found.mouth(),
                found.brightness(),
                found.contrast(),
                found.noise(),
                found.pattern(),
                found.dark(),
                found.bright(),
                found.yaw(),
                found.pitch(),
                found.roll(),
                found.detectorScore()
            };
            assertEquals(python.length, numbers.length);
            for (int i = 0; i < numbers.length; ++i) {
                assertEquals(name + " " + i, Double.parseDouble(python[i]), numbers[i], 1e-6);
            }
            assertEquals(Host.value(name + ".reasons"), String.join("; ", found.reasons()));
            assertEquals(found.reasons().isEmpty(), found.acceptable());
            assertEquals(found.acceptable(), found.score() >= 0.5);
        }
        Face line = Face.of(new float[4], 1, new float[] {1, 1, 2, 2, 3, 3, 4, 4, 5, 5});
        assertThrows(InputException.class, () -> engine.quality(Host.black(), line));
    }

    @Test
    public void distributionsArePythons() {
        for (int i = 0; i < 4; ++i) {
            String[] words = Host.value("times." + i).split(" ");
            double[] times = new double[words.length];
            for (int k = 0; k < words.length; ++k) {
                times[k] = Double.parseDouble(words[k]);
            }
            Distribution found = Distribution.of(times);
            double[] numbers = {
                found.n(),
                found.minimum(),
                found.mean(),
                found.median(),
                found.p90(),
                found.p95(),
                found.p99(),
                found.maximum(),
                found.deviation(),
                found.spread(),
                found.fps()
            };
            String[] python = Host.value("distribution." + i).split(" ");
            for (int k = 0; k < numbers.length; ++k) {
                double expected =
                        python[k].equals("None") ? Double.NaN : Double.parseDouble(python[k]);
                assertEquals(i + " " + k, expected, numbers[k], 1e-9);
            }
        }
        assertThrows(InputException.class, () -> Distribution.of(new double[0]));
        assertThrows(InputException.class, () -> Distribution.of(new double[] {1, -1}));
        assertThrows(InputException.class, () -> Distribution.of(new double[] {Double.NaN}));
    }

    @Test
    public void aProfileHasPythonsNetworksAndOperators() {
        Frame frame = Host.photo("obama");
        Profile profile = engine.profile(() -> engine.embed(frame));
        List<String> operators = new ArrayList<>();
        double inside = 0;
        for (Span span : profile.spans()) {
            assertTrue(span.milliseconds() >= 0);
            if (span.kind() == Span.Kind.OPERATOR) {
                operators.add(span.name());
                assertEquals(FaceSdk.kernelPath(), span.kernels());
                assertEquals(2, span.depth());
            } else if (span.kind() == Span.Kind.NETWORK) {
                inside += span.milliseconds();
            }
        }
        assertEquals(Host.value("operators"), String.join(",", operators));
        double stages =
                profile.milliseconds(Span.Kind.STAGE, "detect")
                        + profile.milliseconds(Span.Kind.STAGE, "embed");
        assertTrue(inside + " " + stages, inside > 0 && inside <= stages);
        for (String network :
                new String[] {"mtcnn-pnet", "mtcnn-rnet", "mtcnn-onet", Host.value("model")}) {
            assertTrue(network, profile.milliseconds(Span.Kind.NETWORK, network) > 0);
        }
        assertTrue("nothing is recorded later", engine.profile(() -> {}).spans().isEmpty());
    }

    @Test
    public void aProfileSaysHowManyOperatorsItHadNoRoomFor() {
        Crop crop = engine.align(Host.photo("obama"), Face.at(Host.floats("obama.faces"), 0));
        Profile one = engine.profile(() -> engine.embed(crop));
        assertEquals(0, one.lost());
        int each = operators(one);
        int runs = ROOM / each + 1;
        Profile many =
                engine.profile(
                        () -> {
                            for (int i = 0; i < runs; ++i) {
                                engine.embed(crop);
                            }
                        });
        assertEquals(ROOM, operators(many));
        assertEquals(runs * each - ROOM, many.lost());
    }

    private static int operators(Profile profile) {
        int count = 0;
        for (Span span : profile.spans()) {
            count += span.kind() == Span.Kind.OPERATOR ? 1 : 0;
        }
        return count;
    }

    @Test
    public void oneProfileAtATime() {
        try (FaceEngine other = Host.complete().build()) {
            engine.profile(
                    () -> {
                        assertThrows(IllegalStateException.class, () -> engine.profile(() -> {}));
                        assertThrows(OperatorLibraryException.class, () -> other.profile(() -> {}));
                    });
            RuntimeException failed = new RuntimeException("the work failed");
            assertEquals(
                    failed,
                    assertThrows(
                            RuntimeException.class,
                            () ->
                                    engine.profile(
                                            () -> {
                                                throw failed;
                                            })));
            engine.profile(() -> {});
            other.profile(other::close);
            assertThrows(IllegalStateException.class, () -> other.profile(() -> {}));
        }
    }

    @Test
    public void aReportHasTheSchemaOfBench() throws IOException {
        List<Integer> progress = new ArrayList<>();
        BenchReport report =
                Benchmark.pipeline(
                        engine,
                        Host.photo("obama"),
                        1,
                        12,
                        (done, total) -> {
                            assertEquals(13, total);
                            progress.add(done);
                        });
        assertEquals(13, progress.size());
        assertEquals(4, report.stages().size());
        double sum = 0;
        for (BenchReport.Stage stage : report.stages()) {
            assertEquals(12, stage.distribution().n());
            sum += stage.distribution().mean();
        }
        assertEquals(report.total().mean(), sum, 1e-9);
        assertTrue(
                report.total().p90() >= report.total().median()
                        && Double.isNaN(report.total().p99()));
        Files.write(
                new File(System.getProperty("facesdk.report")).toPath(),
                report.toJson().getBytes(StandardCharsets.UTF_8));
        assertThrows(
                NoFaceException.class, () -> Benchmark.pipeline(engine, Host.black(), 0, 1, null));
        assertThrows(
                InputException.class,
                () -> Benchmark.pipeline(engine, Host.photo("obama"), 0, 0, null));
    }

    @Test
    public void jsonIsEscaped() {
        assertEquals(
                "[\"a\\\"\\\\\\u000a\\u2028\u00e4\",null,true,1,2.5,{},[]]",
                Json.text(
                        java.util.Arrays.asList(
                                "a\"\\\n\u2028\u00e4",
                                null,
                                true,
                                1,
                                2.5,
                                new java.util.HashMap<String, Object>(),
                                new ArrayList<Object>())));
        assertThrows(IllegalArgumentException.class, () -> Json.text(Double.NaN));
    }

    @Test
    public void similaritiesOfMany() {
        float[] probe = {0.6f, 0.8f};
        assertArrayEquals(
                new float[] {1, 0.8f, -1},
                NativeVectors.similarities(probe, new float[] {0.6f, 0.8f, 0, 1, -0.6f, -0.8f}),
                1e-6f);
    }
}
