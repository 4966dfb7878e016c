package org.facesdk.demo;

import static org.junit.Assert.assertTrue;

import android.app.Activity;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.os.Bundle;
import android.view.View;
import android.view.ViewGroup;

import org.junit.After;
import org.junit.Before;
import org.junit.BeforeClass;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.shadows.ShadowLooper;

import java.io.File;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.lang.reflect.Field;
import java.nio.file.Paths;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;

/**
 * What the tests of activities share: Android's libraries on this JVM, waiting for the networks,
 * screenshots.
 */
@RunWith(RobolectricTestRunner.class)
@Config(sdk = 35, qualifiers = OnHost.PHONE)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public abstract class OnHost {
    static final String PHONE = "en-w360dp-h720dp-port-notnight-xhdpi";
    private static final long MOST = Duration.ofSeconds(100).toMillis();
    private static final int HUNG = 3;
    private static final long PATIENCE = Duration.ofSeconds(60).toMillis();

    private Thread watchdog;

    /**
     * Not in a static initializer: the runner initializes this class twice, and a library belongs
     * to one class loader.
     */
    @BeforeClass
    public static void loadAndroidsLibraries() {
        for (String path : System.getProperty("facesdk.preload").split(File.pathSeparator)) {
            System.load(path);
        }
        FakeKeystore.install();
    }

    /**
     * A hung network must not hang the build. JUnit's own limit would run the test off the main
     * thread.
     */
    @Before
    public final void watch() {
        watchdog =
                new Thread(
                        () -> {
                            try {
                                Thread.sleep(MOST);
                            } catch (InterruptedException ended) {
                                return;
                            }
                            Thread.getAllStackTraces()
                                    .forEach(
                                            (thread, stack) ->
                                                    System.out.println(
                                                            thread
                                                                    + "\n  "
                                                                    + Arrays.toString(stack)));
                            Runtime.getRuntime().halt(HUNG);
                        },
                        "watchdog");
        watchdog.setDaemon(true);
        watchdog.start();
    }

    /** As if the process ended: the next activity begins with another engine. */
    @After
    public final void endProcess() throws Exception {
        watchdog.interrupt();
        Field instance = FaceWork.class.getDeclaredField("instance");
        instance.setAccessible(true);
        instance.set(null, null);
    }

    /** Waits until the networks have nothing to do and their results are shown. */
    static void settle(Activity activity) throws InterruptedException {
        long end = System.currentTimeMillis() + PATIENCE;
        do {
            ShadowLooper.idleMainLooper();
            Thread.sleep(10);
            assertTrue("the networks did not finish", System.currentTimeMillis() < end);
        } while (FaceWork.of(activity).busy());
        ShadowLooper.idleMainLooper();
    }

    /** Lets the networks begin nothing until the latch opens. */
    static CountDownLatch hold(Activity activity) {
        CountDownLatch latch = new CountDownLatch(1);
        FaceWork.of(activity)
                .run(
                        work -> {
                            latch.await();
                            return latch;
                        },
                        opened -> {},
                        message -> {
                            throw new AssertionError(message);
                        });
        return latch;
    }

    /** What an activity saves when its process is ended; the activity is gone afterwards. */
    static Bundle end(ActivityController<?> controller) {
        Bundle saved = new Bundle();
        controller.pause().stop().saveInstanceState(saved).destroy();
        return saved;
    }

    /** Draws a window into NAME.png. */
    static void picture(View view, String name) throws Exception {
        Bitmap drawn =
                Bitmap.createBitmap(view.getWidth(), view.getHeight(), Bitmap.Config.ARGB_8888);
        view.draw(new Canvas(drawn));
        try (OutputStream file =
                new FileOutputStream(
                        Paths.get(System.getProperty("facesdk.pictures"), name + ".png")
                                .toFile())) {
            assertTrue(drawn.compress(Bitmap.CompressFormat.PNG, 100, file));
        }
    }

    static void picture(Activity activity, String name) throws Exception {
        picture(activity.getWindow().getDecorView(), name);
    }

    /** Calls a consumer with a view and everything in it that is visible. */
    static void visit(View view, Consumer<View> consumer) {
        if (view.getVisibility() != View.VISIBLE) {
            return;
        }
        consumer.accept(view);
        if (view instanceof ViewGroup) {
            ViewGroup group = (ViewGroup) view;
            for (int i = 0; i < group.getChildCount(); ++i) {
                visit(group.getChildAt(i), consumer);
            }
        }
    }
}
