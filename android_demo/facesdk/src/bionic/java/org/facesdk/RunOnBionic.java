package org.facesdk;

import com.github.unidbg.linux.android.dvm.DvmClass;
import com.github.unidbg.linux.android.dvm.DvmObject;
import com.github.unidbg.linux.android.dvm.StringObject;
import com.github.unidbg.linux.android.dvm.array.ArrayObject;
import com.github.unidbg.linux.android.dvm.array.ByteArray;
import com.github.unidbg.linux.android.dvm.array.FloatArray;
import com.github.unidbg.pointer.UnidbgPointer;

import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.Properties;

/**
 * The ARM libraries with Android's own C library, through the real JNI entry points, against what
 * Python wrote.
 *
 * <pre>RunOnBionic BACKEND ABI LIBRARIES RUNTIME MODELS REFERENCE CORPUS</pre>
 */
public final class RunOnBionic {
    private static final double PIXELS = 0.5;
    private static final double COSINE = 0.99999;
    private static final double FROM_THE_PHOTO = 0.95;
    private static final int FACE = 15;
    private static final String FINDER = "finder";

    private final Bionic android;
    private final File models;
    private final File reference;
    private final Properties values = new Properties();
    private final DvmClass engines;
    private String detector = FINDER;
    private long engine;

    private RunOnBionic(Bionic android, File models, File reference) throws IOException {
        this.android = android;
        this.models = models;
        this.reference = reference;
        values.load(new ByteArrayInputStream(bytes(new File(reference, "values.properties"))));
        engines = android.type("org/facesdk/NativeEngine");
    }

    public static void main(String[] arguments) throws Exception {
        long begun = System.nanoTime();
        try (Bionic android =
                new Bionic(
                        arguments[0],
                        arguments[1],
                        new File(arguments[2]),
                        new File(arguments[3]))) {
            RunOnBionic run =
                    new RunOnBionic(android, new File(arguments[4]), new File(arguments[5]));
            System.out.printf(
                    "%s %s: TFLite %s, path %s, loaded after %.1f s%n",
                    arguments[0],
                    arguments[1],
                    run.text("runtimeVersion"),
                    run.text("kernelPath"),
                    seconds(begun));
            require(run.text("kernelPath").startsWith("neon"), "the path must be neon");
            System.out.printf(
                    "%d operator models equal, after %.1f s%n",
                    run.corpus(new File(arguments[6])), seconds(begun));
            run.refusals();
            for (String detector : new String[] {FINDER, "mtcnn"}) {
                run.open(detector);
                System.out.printf("%s open after %.1f s%n", detector, seconds(begun));
                run.verdict(run.photo("obama"), run.photo("obama2"));
                engines(run).callStaticJniMethod(android.emulator, "close(J)V", run.engine);
            }
            System.out.printf("passed in %.1f s%n", seconds(begun));
        }
    }

    private static DvmClass engines(RunOnBionic run) {
        return run.engines;
    }

    private static double seconds(long begun) {
        return (System.nanoTime() - begun) / 1e9;
    }

    private String text(String method) {
        return (String)
                android.type("org/facesdk/FaceSdk")
                        .callStaticJniMethodObject(
                                android.emulator, method + "()Ljava/lang/String;")
                        .getValue();
    }

    private long runs() {
        return android.type("org/facesdk/FaceSdk")
                .callStaticJniMethodLong(android.emulator, "operatorRuns()J");
    }

    /** Every operator model, on the runtime's C API with the delegate of FaceOperators. */
    private int corpus(File folder) throws IOException {
        DvmClass operators = android.type("org/facesdk/FaceOperators");
        File[] files = folder.listFiles((parent, name) -> name.endsWith(".tflite"));
        Arrays.sort(files);
        for (File file : files) {
            String name = file.getName().replace(".tflite", "");
            byte[] input = bytes(new File(folder, name + ".in"));
            byte[] expected = bytes(new File(folder, name + ".out"));
            long before = runs();
            long handle = operators.callStaticJniMethodLong(android.emulator, "create()J");
            byte[] model = bytes(file);
            UnidbgPointer parsed =
                    android.pointer("TfLiteModelCreate", android.copy(model), model.length);
            UnidbgPointer options = android.pointer("TfLiteInterpreterOptionsCreate");
            android.runtime.callFunction(
                    android.emulator, "TfLiteInterpreterOptionsSetNumThreads", options, 1);
            android.runtime.callFunction(
                    android.emulator,
                    "TfLiteInterpreterOptionsAddDelegate",
                    options,
                    UnidbgPointer.pointer(android.emulator, handle));
            UnidbgPointer interpreter = android.pointer("TfLiteInterpreterCreate", parsed, options);
            require(interpreter != null, name + " is refused");
            android.check("TfLiteInterpreterAllocateTensors", interpreter);
            UnidbgPointer from = android.pointer("TfLiteInterpreterGetInputTensor", interpreter, 0);
            UnidbgPointer to = android.pointer("TfLiteInterpreterGetOutputTensor", interpreter, 0);
            android.check("TfLiteTensorCopyFromBuffer", from, android.copy(input), input.length);
            android.check("TfLiteInterpreterInvoke", interpreter);
            UnidbgPointer result = android.copy(new byte[expected.length]);
            android.check("TfLiteTensorCopyToBuffer", to, result, expected.length);
            require(
                    Arrays.equals(expected, result.getByteArray(0, expected.length)),
                    name + " differs from LCE's output");
            require(runs() > before, name + " ran none of our operators");
            android.runtime.callFunction(android.emulator, "TfLiteInterpreterDelete", interpreter);
            android.runtime.callFunction(
                    android.emulator, "TfLiteInterpreterOptionsDelete", options);
            android.runtime.callFunction(android.emulator, "TfLiteModelDelete", parsed);
            operators.callStaticJniMethod(android.emulator, "destroy(J)V", handle);
        }
        return files.length;
    }

    private void open(String name) throws IOException {
        detector = name;
        engine = open(bytes(new File(models, "recognition/compactfacenet-qb.tflite")), 1);
        require(android.takeThrown() == null && engine != 0, "the engine does not open");
    }

    private long open(byte[] recognizer, int threads) throws IOException {
        DvmObject<?>[] networks = new DvmObject<?>[4];
        String[] names = {"mtcnn-pnet", "mtcnn-rnet", "mtcnn-onet", "finder", "recognizer"};
        DvmObject<?>[] texts = new DvmObject<?>[names.length];
        for (int i = 0; i < names.length; ++i) {
            texts[i] = new StringObject(android.vm, names[i]);
            boolean finds = detector.equals(FINDER);
            if (names[i].equals("mtcnn-onet")
                    || (names[i].equals(FINDER) && finds)
                    || (names[i].startsWith("mtcnn") && !finds)) {
                networks[i] =
                        android.direct(
                                bytes(new File(models, "detection/" + names[i] + ".tflite")));
            }
        }
        return engines.callStaticJniMethodLong(
                android.emulator,
                "open([Ljava/nio/ByteBuffer;Ljava/nio/ByteBuffer;[Ljava/lang/String;II)J",
                new ArrayObject(networks),
                android.direct(recognizer),
                new ArrayObject(texts),
                Integer.parseInt(values.getProperty("min_face")),
                threads);
    }

    /** Errors are exceptions on ARM too. */
    private void refusals() throws IOException {
        byte[] whole = bytes(new File(models, "recognition/compactfacenet-qb.tflite"));
        require(open(whole, 65) == 0, "65 threads");
        equal(
                "org/facesdk/InputException: threads must be 1 to 64, but got 65",
                android.takeThrown());
        require(open(Arrays.copyOf(whole, whole.length - 1000), 1) == 0, "a truncated model");
        equal(
                "org/facesdk/ModelException: recognizer is not a usable TFLite model, or is"
                        + " truncated",
                android.takeThrown());
    }

    /** The largest face, its crop and the crop's embedding, which it returns. */
    private float[] photo(String name) throws IOException {
        String[] size = values.getProperty(name + ".small.size").split(" ");
        int width = Integer.parseInt(size[0]);
        int height = Integer.parseInt(size[1]);
        DvmObject<?> pixels = android.direct(bytes(new File(reference, name + ".small.rgb")));
        long begun = System.nanoTime();
        float[] faces =
                floats(
                        engines.callStaticJniMethodObject(
                                android.emulator,
                                "detect(JLjava/nio/ByteBuffer;III)[F",
                                engine,
                                pixels,
                                width,
                                height,
                                1));
        require(android.takeThrown() == null && faces.length == FACE, name + " must have one face");
        float[] python = floats(bytes(new File(reference, small(name, "faces"))));
        double largest = 0;
        for (int i = 0; i < FACE; ++i) {
            largest = i == 4 ? largest : Math.max(largest, Math.abs(faces[i] - python[i]));
        }
        require(largest < PIXELS, name + ": a box is " + largest + " pixels away");
        System.out.printf(
                "%s: box and landmarks within %.2g pixels, %.1f s%n",
                name, largest, seconds(begun));
        byte[] crop = align(pixels, width, height, Arrays.copyOfRange(python, 5, FACE));
        require(
                Arrays.equals(bytes(new File(reference, small(name, "crop"))), crop),
                name + ": the crop differs");
        float[] vector = embed(crop);
        double cosine = cosine(vector, floats(bytes(new File(reference, small(name, "vector")))));
        require(cosine > COSINE, name + ": the embedding's cosine is " + cosine);
        double own =
                cosine(
                        embed(align(pixels, width, height, Arrays.copyOfRange(faces, 5, FACE))),
                        floats(bytes(new File(reference, small(name, "vector")))));
        require(
                own > FROM_THE_PHOTO,
                name + ": the embedding from the photo has the cosine " + own);
        System.out.printf(
                "%s: crop equal, cosine %.7f, from the photo %.4f, %.1f s%n",
                name, cosine, own, seconds(begun));
        return vector;
    }

    private void verdict(float[] a, float[] b) throws IOException {
        float[] similarity =
                floats(
                        android.type("org/facesdk/NativeVectors")
                                .callStaticJniMethodObject(
                                        android.emulator,
                                        "similarities([F[F)[F",
                                        new FloatArray(android.vm, a),
                                        new FloatArray(android.vm, b)));
        String[] python = values.getProperty(detector + ".small.verify").split(" ");
        require(
                Math.abs(similarity[0] - Double.parseDouble(python[1])) < 1e-5,
                "similarity " + similarity[0] + ", Python's is " + python[1]);
        require(
                similarity[0] >= Double.parseDouble(python[2]) == python[0].equals("True"),
                "the verdict differs");
        System.out.printf("both: %.7f, as in Python: %s%n", similarity[0], python[0]);
    }

    private String small(String photo, String kind) {
        return photo + "." + detector + ".small." + kind;
    }

    private byte[] align(DvmObject<?> pixels, int width, int height, float[] landmarks) {
        DvmObject<?> crop =
                engines.callStaticJniMethodObject(
                        android.emulator,
                        "align(JLjava/nio/ByteBuffer;II[F)[B",
                        engine,
                        pixels,
                        width,
                        height,
                        new FloatArray(android.vm, landmarks));
        return ((ByteArray) crop).getValue();
    }

    private float[] embed(byte[] crop) {
        return floats(
                engines.callStaticJniMethodObject(
                        android.emulator, "embed(J[B)[F", engine, new ByteArray(android.vm, crop)));
    }

    private static double cosine(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; ++i) {
            sum += (double) a[i] * b[i];
        }
        return sum;
    }

    private static float[] floats(DvmObject<?> array) {
        return ((FloatArray) array).getValue();
    }

    private static float[] floats(byte[] bytes) {
        float[] values = new float[bytes.length / 4];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
        return values;
    }

    private static byte[] bytes(File file) throws IOException {
        return Files.readAllBytes(file.toPath());
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new AssertionError(message);
        }
    }

    private static void equal(String expected, String found) {
        require(expected.equals(found), "expected " + expected + ", but got " + found);
    }
}
