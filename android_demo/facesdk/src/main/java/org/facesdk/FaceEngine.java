package org.facesdk;

import android.content.Context;

import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

import java.io.File;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.logging.Logger;

/**
 * Detection, alignment, embedding and verification, a method per stage.
 *
 * <pre>{@code
 * try (FaceEngine engine = FaceEngine.builder(context).model("compactfacenet-qb.tflite").build()) {
 *     boolean same = engine.verify(Frame.ofBitmap(a), Frame.ofBitmap(b)).same();
 * }
 * }</pre>
 *
 * <p>Faces are ordered by the area of their box, largest first, and chosen by their number in that
 * order.
 *
 * <p>Threads may share an engine: one of them computes at a time, the others wait. Every call may
 * take long enough to be noticed, so none belongs on the main thread; an engine may be used in the
 * background as long as the process lives. {@link #close} waits for the call that runs; every later
 * call throws {@link IllegalStateException}.
 */
public final class FaceEngine implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger("org.facesdk");
    private static final int CROP_WIDTH = 1;
    private static final int CROP_HEIGHT = 2;

    private final ReentrantLock lock = new ReentrantLock();
    private final ModelInfo model;
    private final int cropWidth;
    private final int cropHeight;
    private final int maxFaces;
    private final int minFace;
    private final int threads;
    private long handle;
    private volatile Recorder recorder;

    private FaceEngine(long handle, ByteBuffer recognizer, Builder options) {
        this.handle = handle;
        this.maxFaces = options.maxFaces;
        this.minFace = options.minFace;
        this.threads = options.threads;
        double[] numbers = NativeEngine.numbers(handle);
        this.cropWidth = (int) numbers[CROP_WIDTH];
        this.cropHeight = (int) numbers[CROP_HEIGHT];
        this.model =
                new ModelInfo(
                        Models.digest(recognizer, numbers), NativeEngine.texts(handle), numbers);
        for (String warning : model.warnings()) {
            LOG.warning(warning);
        }
    }

    /** Starts to describe an engine whose models are assets of an app. */
    @NotNull
    public static Builder builder(@NotNull Context context) {
        return new Builder(context);
    }

    /** Starts to describe an engine whose models are given as files or buffers. */
    @NotNull
    public static Builder builder() {
        return new Builder(null);
    }

    /** What the recognition model says about itself. */
    @NotNull
    public ModelInfo model() {
        return model;
    }

    /**
     * Finds the faces of a frame. What cannot be a face, by its landmarks, is left out.
     *
     * @throws InputException the frame cannot be used
     * @throws ModelException a network fails
     */
    @NotNull
    public Detections detect(@NotNull Frame frame) {
        return find(frame, maxFaces);
    }

    /**
     * Finds the largest faces of a frame. One takes a fraction of the time where it is large, as
     * smaller ones need not be looked for.
     *
     * @param atMost return at most that many, at least 1
     */
    @NotNull
    public Detections detect(@NotNull Frame frame, int atMost) {
        if (atMost < 1) {
            throw new InputException("max_faces must be at least 1 or None, but got " + atMost);
        }
        return find(frame, maxFaces == 0 ? atMost : Math.min(atMost, maxFaces));
    }

    /**
     * Says which face of a frame is compared: the largest that is trusted (the detector is sure of
     * it, and it is sharp), else the largest.
     *
     * @throws NoFaceException the frame has no face
     */
    @NotNull
    public Choice choose(@NotNull Frame frame) {
        float[] face = new float[Face.VALUES];
        double[] numbers = new double[Quality.NUMBERS];
        String[] texts =
                locked(
                        "detect",
                        () ->
                                NativeEngine.choose(
                                        handle,
                                        frame.pixels(),
                                        frame.width(),
                                        frame.height(),
                                        face,
                                        numbers));
        if (texts == null) {
            throw new NoFaceException(
                    frame.name() + ": no face found; use a photo with a visible face");
        }
        return new Choice(
                Face.at(face, 0),
                texts[0],
                new Quality(numbers, Arrays.copyOfRange(texts, 1, texts.length)));
    }

    /**
     * Cuts out the face of {@link #choose}, in the template that the recognition model expects.
     *
     * @throws NoFaceException the frame has no face
     */
    @NotNull
    public Crop align(@NotNull Frame frame) {
        return align(frame, choose(frame).face());
    }

    /** Cuts out a face that was found in the frame. */
    @NotNull
    public Crop align(@NotNull Frame frame, @NotNull Face face) {
        return locked(
                "align",
                () ->
                        Crop.made(
                                NativeEngine.align(
                                        handle,
                                        frame.pixels(),
                                        frame.width(),
                                        frame.height(),
                                        face.coordinates()),
                                cropWidth,
                                cropHeight));
    }

    /**
     * Embeds the face of {@link #choose}.
     *
     * @throws NoFaceException the frame has no face
     */
    @NotNull
    public Embedding embed(@NotNull Frame frame) {
        return embed(align(frame));
    }

    /** Embeds a face that was found in the frame. */
    @NotNull
    public Embedding embed(@NotNull Frame frame, @NotNull Face face) {
        return embed(align(frame, face));
    }

    /**
     * Embeds a crop as {@link #align} cut it; no face is looked for.
     *
     * @throws InputException it has another size than the model's template
     */
    @NotNull
    public Embedding embed(@NotNull Crop crop) {
        if (crop.width() != cropWidth || crop.height() != cropHeight) {
            throw new InputException(
                    "a crop must have "
                            + cropWidth
                            + "x"
                            + cropHeight
                            + " pixels, but got "
                            + crop.width()
                            + "x"
                            + crop.height());
        }
        return locked(
                "embed",
                () ->
                        Embedding.of(
                                NativeEngine.embed(handle, crop.bytes()),
                                model.name(),
                                model.embeddingsId()));
    }

    /**
     * Says how fit a face is to be compared. Like {@link #compare}, a closed engine does it too.
     *
     * @param face found in the frame
     * @throws InputException its landmarks lie on one line
     */
    @NotNull
    public Quality quality(@NotNull Frame frame, @NotNull Face face) {
        double[] numbers = new double[Quality.NUMBERS];
        String[] reasons =
                NativeEngine.quality(
                        frame.pixels(),
                        frame.width(),
                        frame.height(),
                        face.coordinates(),
                        face.score(),
                        numbers);
        return new Quality(numbers, reasons);
    }

    /**
     * Decides whether two frames show one person, at a false match rate of 1 in 1000. The faces are
     * those of {@link #choose}.
     *
     * @throws NoFaceException a frame has no face
     * @throws LowQualityException a face is not fit to be compared; the exception has the reasons
     * @throws InputException the model has no threshold for that rate
     */
    @NotNull
    public Verification verify(@NotNull Frame a, @NotNull Frame b) {
        return verify(a, b, OperatingPoint.DEFAULT);
    }

    /** The same at an operating point of your choice. */
    @NotNull
    public Verification verify(@NotNull Frame a, @NotNull Frame b, @NotNull OperatingPoint point) {
        return verify(a, b, point, false);
    }

    /**
     * The same for faces of low quality too, if you allow it. What the threshold promises does not
     * hold for them.
     *
     * @param allowLowQuality whether to compare faces that are below a floor of quality
     */
    @NotNull
    public Verification verify(
            @NotNull Frame a,
            @NotNull Frame b,
            @NotNull OperatingPoint point,
            boolean allowLowQuality) {
        point.decide(0, model); // before any work: the model may have no such threshold
        long begun = System.nanoTime();
        Choice[] chosen = {choose(a), choose(b)};
        long detected = System.nanoTime();
        if (!allowLowQuality) {
            requireQuality(chosen, a, b);
        }
        Crop[] crops = {align(a, chosen[0].face()), align(b, chosen[1].face())};
        long aligned = System.nanoTime();
        Embedding first = embed(crops[0]);
        Embedding second = embed(crops[1]);
        long embedded = System.nanoTime();
        Match match = compare(first, second, point);
        long matched = System.nanoTime();
        return new Verification(
                match,
                chosen,
                crops,
                new Timings(
                        milliseconds(begun, detected),
                        milliseconds(detected, aligned),
                        milliseconds(aligned, embedded),
                        milliseconds(embedded, matched)));
    }

    /**
     * Decides whether two embeddings of this engine's model are of one person, at a false match
     * rate of 1 in 1000.
     */
    @NotNull
    public Match compare(@NotNull Embedding a, @NotNull Embedding b) {
        return compare(a, b, OperatingPoint.DEFAULT);
    }

    /**
     * Decides whether two embeddings of this engine's model are of one person. It needs no network:
     * a closed engine does it too.
     *
     * @throws EmbeddingMismatchException an embedding comes from another model
     * @throws InputException the model has no threshold for the rate asked for
     */
    @NotNull
    public Match compare(
            @NotNull Embedding a, @NotNull Embedding b, @NotNull OperatingPoint point) {
        if (!a.modelId().equals(model.embeddingsId())) {
            throw new EmbeddingMismatchException(
                    "the embedding was made by "
                            + a.model()
                            + " ("
                            + EmbeddingsId.shortened(a.modelId())
                            + "), but this engine's thresholds are those of "
                            + model.name()
                            + " ("
                            + EmbeddingsId.shortened(model.embeddingsId())
                            + ")"
                            + EmbeddingsId.remedy(a.modelId(), model.embeddingsId()));
        }
        long start = System.nanoTime();
        Match match = point.decide(a.similarity(b), model);
        Recorder recording = recorder;
        if (recording != null) {
            recording.stage("match", start);
        }
        return match;
    }

    /**
     * Records what this engine does for the calling thread while some work runs: the stages, in
     * them the runs of networks, and in those the operators that the operator library computed.
     *
     * @param work calls this engine
     * @throws IllegalStateException the engine is closed, or this engine is being recorded already
     * @throws OperatorLibraryException operators are being recorded already, by another engine of
     *     the process
     */
    @NotNull
    public Profile profile(@NotNull Runnable work) {
        Recorder made = new Recorder();
        locked(
                null,
                () -> {
                    if (recorder != null) {
                        throw new IllegalStateException(
                                "this FaceEngine is being recorded already");
                    }
                    NativeProfile.start(handle);
                    recorder = made;
                    return made;
                });
        try {
            work.run();
        } catch (RuntimeException | Error failed) {
            stopRecording(made);
            throw failed;
        }
        return stopRecording(made);
    }

    /** Ends a recording; an engine that was closed meanwhile has ended it itself. */
    private Profile stopRecording(Recorder made) {
        lock.lock();
        try {
            recorder = null;
            return made.profile(
                    handle,
                    model.name(),
                    handle == 0 ? new long[NativeProfile.LEADING] : NativeProfile.stop(handle));
        } finally {
            lock.unlock();
        }
    }

    /** Side of the smallest face that it finds, in pixels. */
    public int minFace() {
        return minFace;
    }

    /** Threads that each network may use. */
    public int threads() {
        return threads;
    }

    /** Releases the networks; waits for the call that runs. To close again does nothing. */
    @Override
    public void close() {
        lock.lock();
        try {
            if (handle != 0) {
                NativeEngine.close(handle);
            }
            handle = 0;
        } finally {
            lock.unlock();
        }
    }

    private Detections find(Frame frame, int atMost) {
        float[] found =
                locked(
                        "detect",
                        () ->
                                NativeEngine.detect(
                                        handle,
                                        frame.pixels(),
                                        frame.width(),
                                        frame.height(),
                                        atMost));
        List<Face> faces = new ArrayList<>();
        for (int i = 0; i < found.length / Face.VALUES; ++i) {
            faces.add(Face.at(found, i));
        }
        return new Detections(frame.width(), frame.height(), faces);
    }

    private static void requireQuality(Choice[] chosen, Frame... frames) {
        List<String> reasons = new ArrayList<>();
        for (int i = 0; i < chosen.length; ++i) {
            for (String reason : chosen[i].quality().reasons()) {
                reasons.add(frames[i].name() + ": " + reason);
            }
        }
        if (!reasons.isEmpty()) {
            throw new LowQualityException(reasons);
        }
    }

    private interface Call<T> {
        T run();
    }

    /** Runs a call alone, as a stage of that name if it has one. */
    private <T> T locked(@Nullable String stage, Call<T> call) {
        lock.lock();
        try {
            if (handle == 0) {
                throw new IllegalStateException("this FaceEngine is closed");
            }
            long start = System.nanoTime();
            T result = call.run();
            Recorder recording = recorder;
            if (recording != null && stage != null) {
                recording.stage(stage, start);
            }
            return result;
        } finally {
            lock.unlock();
        }
    }

    private static double milliseconds(long from, long to) {
        return (to - from) / 1e6;
    }

    /** Describes an engine. */
    public static final class Builder {
        private static final int MIN_FACE = 20;
        private static final String MTCNN = "mtcnn";
        private static final String FINDER = "finder";
        private static final String DEFAULT_DETECTOR = FINDER;
        private static final String MODEL_FILE = ".tflite";
        private static final String PNET_ASSET = "mtcnn-pnet.tflite";
        private static final String RNET_ASSET = "mtcnn-rnet.tflite";
        private static final String ONET_ASSET = "mtcnn-onet.tflite";
        private static final int PNET = 0;
        private static final int RNET = 1;
        private static final int ONET = 2;
        private static final int FINDER_NETWORK = 3;
        private static final int RECOGNIZER = 4;
        private static final int NETWORKS = 5;

        private final Context context;
        private final ByteBuffer[] contents = new ByteBuffer[NETWORKS];
        private final String[] names = new String[NETWORKS];
        private int minFace = MIN_FACE;
        private int maxFaces;
        private int threads = 1;

        private Builder(@Nullable Context context) {
            this.context = context;
        }

        /** The recognition model, by the name of an asset. */
        @NotNull
        public Builder model(@NotNull String asset) {
            return model(asset, fromAsset(asset));
        }

        /** The recognition model in a file. */
        @NotNull
        public Builder model(@NotNull File file) {
            return model(file.getPath(), Models.file(file));
        }

        /**
         * The recognition model in memory.
         *
         * @param name what error messages call it
         * @param content read from its position to its limit
         */
        @NotNull
        public Builder model(@NotNull String name, @NotNull ByteBuffer content) {
            return network(RECOGNIZER, name, content);
        }

        /**
         * The detector, by its name in facesdk: "finder", which is taken unless called, or "mtcnn",
         * which takes two to three times as long. Their networks are assets under the names that
         * facesdk packages them with. Or the name of an asset that is another finder's model file;
         * O-Net decides about what it finds.
         *
         * @throws InputException the name is unknown
         * @throws ModelException an asset is missing
         */
        @NotNull
        public Builder detector(@NotNull String name) {
            if (name.equals(MTCNN)) {
                return detector(PNET_ASSET, RNET_ASSET, ONET_ASSET);
            }
            if (!name.equals(FINDER) && !name.endsWith(MODEL_FILE)) {
                throw new InputException(
                        "unknown detector '"
                                + name
                                + "': choose one of mtcnn, finder, or give a finder's .tflite"
                                + " file");
            }
            String asset = name.equals(FINDER) ? name + MODEL_FILE : name;
            return refined(asset, fromAsset(asset), ONET_ASSET, fromAsset(ONET_ASSET));
        }

        /** A finder and O-Net in files. */
        @NotNull
        public Builder detector(@NotNull File finder, @NotNull File onet) {
            return refined(
                    finder.getPath(), Models.file(finder), onet.getPath(), Models.file(onet));
        }

        /** A finder and O-Net in memory. */
        @NotNull
        public Builder detector(@NotNull ByteBuffer finder, @NotNull ByteBuffer onet) {
            return refined(FINDER, finder, ONET_ASSET, onet);
        }

        /** The three networks of MTCNN, by the names of assets. */
        @NotNull
        public Builder detector(@NotNull String pnet, @NotNull String rnet, @NotNull String onet) {
            return cascade(
                    new String[] {pnet, rnet, onet},
                    new ByteBuffer[] {fromAsset(pnet), fromAsset(rnet), fromAsset(onet)});
        }

        /** The three networks of MTCNN in files. */
        @NotNull
        public Builder detector(@NotNull File pnet, @NotNull File rnet, @NotNull File onet) {
            return cascade(
                    new String[] {pnet.getPath(), rnet.getPath(), onet.getPath()},
                    new ByteBuffer[] {Models.file(pnet), Models.file(rnet), Models.file(onet)});
        }

        /** The three networks of MTCNN in memory. */
        @NotNull
        public Builder detector(
                @NotNull ByteBuffer pnet, @NotNull ByteBuffer rnet, @NotNull ByteBuffer onet) {
            return cascade(
                    new String[] {PNET_ASSET, RNET_ASSET, ONET_ASSET},
                    new ByteBuffer[] {pnet, rnet, onet});
        }

        private Builder cascade(String[] called, ByteBuffer[] given) {
            contents[FINDER_NETWORK] = null;
            return network(PNET, called[PNET], given[PNET])
                    .network(RNET, called[RNET], given[RNET])
                    .network(ONET, called[ONET], given[ONET]);
        }

        private Builder refined(
                String finder, ByteBuffer finderContent, String onet, ByteBuffer onetContent) {
            contents[PNET] = null;
            contents[RNET] = null;
            return network(FINDER_NETWORK, finder, finderContent).network(ONET, onet, onetContent);
        }

        /**
         * Side of the smallest face to find, in pixels, at least 12; 20 unless called. Time falls
         * with its square.
         */
        @NotNull
        public Builder minFace(int pixels) {
            minFace = pixels;
            return this;
        }

        /** Finds at most that many faces per frame, the largest, at least 1; all unless called. */
        @NotNull
        public Builder maxFaces(int count) {
            if (count < 1) {
                throw new InputException("max_faces must be at least 1 or None, but got " + count);
            }
            maxFaces = count;
            return this;
        }

        /** Threads each network may use, 1 to 64; 1 unless called. */
        @NotNull
        public Builder threads(int count) {
            threads = count;
            return this;
        }

        /**
         * Loads the networks. Takes some 100 ms: call it in the background.
         *
         * @throws ModelException a model is missing, damaged, or not of the right kind
         * @throws InputException an option is out of its range
         * @throws RuntimeUnavailableException the app brings no TensorFlow Lite runtime, or one
         *     that lacks a function
         * @throws OperatorLibraryException the operators cannot be used
         */
        @NotNull
        public FaceEngine build() {
            ByteBuffer recognizer = contents[RECOGNIZER];
            if (recognizer == null) {
                throw new InputException(
                        "the engine has no recognition model: call model() before build()");
            }
            if (contents[ONET] == null) {
                detector(DEFAULT_DETECTOR);
            }
            ByteBuffer[] detector = Arrays.copyOf(contents, RECOGNIZER);
            long handle = NativeEngine.open(detector, recognizer, names.clone(), minFace, threads);
            return new FaceEngine(handle, recognizer, this);
        }

        private Builder network(int index, String name, ByteBuffer content) {
            contents[index] = Models.direct(content);
            names[index] = name;
            return this;
        }

        private ByteBuffer fromAsset(String name) {
            if (context == null) {
                throw new InputException(
                        "the asset " + name + " needs a context: use FaceEngine.builder(context)");
            }
            return Models.asset(context, name);
        }
    }
}
