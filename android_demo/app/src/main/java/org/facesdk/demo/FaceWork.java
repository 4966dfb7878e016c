package org.facesdk.demo;

import android.content.Context;
import android.graphics.Bitmap;
import android.os.Handler;
import android.os.Looper;

import org.facesdk.BenchReport;
import org.facesdk.Benchmark;
import org.facesdk.Crop;
import org.facesdk.FaceEngine;
import org.facesdk.FaceSdkException;
import org.facesdk.Frame;
import org.facesdk.Gallery;
import org.facesdk.Template;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The engine and the gallery of this process, and the one thread that uses them; they outlive every
 * activity.
 */
final class FaceWork {
    static final String MODEL = "compactfacenet-qb.tflite";
    private static final String DETECTOR = "finder"; // in a fraction of MTCNN's time
    static final int THREADS = 2;

    /** Pixels; smaller faces are not enrolled from, and looking for them takes most of the time. */
    static final int MIN_FACE = 40;

    private static final String GALLERY = "people.db";

    /** Work on the thread of the networks. */
    interface Job<T> {
        T run(FaceWork work) throws Exception;
    }

    /** Called on the main thread with what a job returned. */
    interface Done<T> {
        void done(T result);
    }

    /** Called on the main thread with one sentence. */
    interface Failed {
        void failed(String message);
    }

    private static FaceWork instance;

    private final Context context;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final ExecutorService thread =
            Executors.newSingleThreadExecutor(job -> new Thread(job, "faces"));
    private final AtomicInteger waiting = new AtomicInteger();
    private final Map<String, Ongoing<Template>> enrolments = new HashMap<>();
    private Ongoing<BenchReport> benchmark;
    private FaceEngine engine;
    private Gallery gallery;

    private FaceWork(Context context) {
        this.context = context;
    }

    static synchronized FaceWork of(Context context) {
        if (instance == null) {
            instance = new FaceWork(context.getApplicationContext());
        }
        return instance;
    }

    /**
     * Whether a job runs or waits, or its answer is not on the way yet; a camera drops its frame
     * then.
     */
    boolean busy() {
        return waiting.get() > 0;
    }

    <T> void run(Job<T> job, Done<T> done, Failed failed) {
        waiting.incrementAndGet();
        thread.execute(
                () -> {
                    try {
                        main.post(answer(job, done, failed));
                    } finally {
                        waiting.decrementAndGet();
                    }
                });
    }

    /** Enrols a face under a name; the key is for {@link #enrolment}. */
    void enrol(String key, String name, Crop crop, double quality) {
        Ongoing<Template> made = new Ongoing<>();
        enrolments.put(key, made);
        run(
                work -> work.gallery().enrol(name, work.engine().embed(crop), quality),
                made::done,
                made::failed);
    }

    /** The enrolment of a key; null if none began in this process, or its end was shown. */
    Ongoing<Template> enrolment(String key) {
        return enrolments.get(key);
    }

    void forgetEnrolment(String key) {
        enrolments.remove(key);
    }

    /** Measures the stages on a sample; see {@link #benchmark}. */
    void measure(String sample, int warmUp, int runs) {
        Ongoing<BenchReport> made = new Ongoing<>();
        benchmark = made;
        run(
                work -> {
                    Bitmap picture = Pictures.read(work.context(), Pictures.sample(sample));
                    return Benchmark.pipeline(
                            work.engine(),
                            Frame.ofBitmap(picture),
                            warmUp,
                            runs,
                            (done, total) -> main.post(() -> made.progress(done, total)));
                },
                made::done,
                made::failed);
    }

    /** The benchmark that runs, or ran last; null if none began in this process. */
    Ongoing<BenchReport> benchmark() {
        return benchmark;
    }

    private <T> Runnable answer(Job<T> job, Done<T> done, Failed failed) {
        try {
            T result = job.run(this);
            return () -> done.done(result);
        } catch (FaceSdkException error) {
            return () -> failed.failed(error.getMessage());
        } catch (Exception error) {
            return () -> failed.failed(error.toString());
        }
    }

    /** For jobs. The networks are loaded at the first call. */
    FaceEngine engine() {
        if (engine == null) {
            engine =
                    FaceEngine.builder(context)
                            .model(MODEL)
                            .detector(DETECTOR)
                            .minFace(MIN_FACE)
                            .threads(THREADS)
                            .build();
        }
        return engine;
    }

    /** For jobs. The file is opened at the first call. */
    Gallery gallery() {
        if (gallery == null) {
            gallery = Gallery.open(context, GALLERY, engine().model());
        }
        return gallery;
    }

    Context context() {
        return context;
    }
}
