package org.facesdk.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import android.content.ContentResolver;
import android.net.Uri;
import android.os.Bundle;
import android.view.View;

import org.junit.Test;
import org.robolectric.Robolectric;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowContentResolver;
import org.robolectric.shadows.ShadowLooper;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Two pictures are compared, with Python's verdict; what was compared survives rotation and the end
 * of the process.
 */
public final class VerifyTest extends OnHost {
    private static final int VERIFY = 1;

    /**
     * Floats of two runtimes differ in their last bits, and signs of a binary network flip: see the
     * library's EngineTest.
     */
    private static final double SIGNS = 0.05;

    /** The pictures are PNG files that Python wrote: decoders of JPEG differ by a level or two. */
    @Test
    public void twoPicturesGivePythonsSimilarity() throws Exception {
        try (ActivityController<MainActivity> controller =
                Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity activity = controller.get();
            activity.select(VERIFY);
            activity.screen(VERIFY).picked(0, png("obama"));
            activity.screen(VERIFY).picked(1, png("obama2"));
            settle(activity);
            activity.findViewById(R.id.compare).performClick();
            settle(activity);
            double expected = Double.parseDouble(System.getProperty("facesdk.similarity"));
            Matcher said =
                    Pattern.compile("Similarity (0\\.\\d\\d)\\..*")
                            .matcher(LiveTest.text(activity, R.id.reason));
            assertTrue(LiveTest.text(activity, R.id.reason), said.matches());
            assertEquals(expected, Double.parseDouble(said.group(1)), SIGNS);
            assertEquals(
                    activity.getString(R.string.verify_same),
                    LiveTest.text(activity, R.id.verdict));
        }
    }

    private static Uri png(String name) {
        Uri uri = Uri.parse("content://test/" + name + ".png");
        Path file = Paths.get(System.getProperty("facesdk.photos"), name + ".png");
        ShadowContentResolver shadow =
                Shadow.extract(RuntimeEnvironment.getApplication().getContentResolver());
        shadow.registerInputStreamSupplier(
                uri,
                () -> {
                    try {
                        return Files.newInputStream(file);
                    } catch (IOException error) {
                        throw new UncheckedIOException(error);
                    }
                });
        return uri;
    }

    @Test
    public void theVerdictOnTheSamplesSurvivesTheProcess() throws Exception {
        try (ActivityController<MainActivity> controller =
                Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity activity = controller.get();
            activity.select(VERIFY);
            assertFalse(activity.findViewById(R.id.compare).isEnabled());
            compareSamples(activity);
            assertTrue(LiveTest.text(activity, R.id.reason).endsWith("1,000."));
            assertEquals(
                    activity.getString(R.string.verify_same),
                    LiveTest.text(activity, R.id.verdict));
            ((android.widget.TextView) activity.findViewById(R.id.times))
                    .setText(activity.getString(R.string.verify_times, "52", "0.8", "11"));
            settle(activity);
            picture(activity, "verify-same");

            Bundle saved = end(controller);
            endProcess();
            try (ActivityController<MainActivity> next =
                    Robolectric.buildActivity(MainActivity.class).setup(saved)) {
                settle(next.get());
                assertTrue(next.get().findViewById(R.id.tab_verify).isSelected());
                assertEquals(
                        activity.getString(R.string.verify_same),
                        LiveTest.text(next.get(), R.id.verdict));
                RuntimeEnvironment.setQualifiers("+w720dp-h360dp-land-night");
                next.configurationChange();
                settle(next.get());
                assertEquals(
                        activity.getString(R.string.verify_same),
                        LiveTest.text(next.get(), R.id.verdict));
            }
        }
    }

    @Test
    public void aFileThatIsNoPictureIsOneSentence() throws Exception {
        Uri uri = Uri.parse("content://test/1");
        ContentResolver resolver = RuntimeEnvironment.getApplication().getContentResolver();
        ShadowContentResolver shadow = Shadow.extract(resolver);
        shadow.registerInputStreamSupplier(
                uri, () -> new ByteArrayInputStream("no picture".getBytes(StandardCharsets.UTF_8)));
        try (ActivityController<MainActivity> controller =
                Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity activity = controller.get();
            activity.select(VERIFY);
            activity.screen(VERIFY).picked(0, uri);
            settle(activity);
            assertEquals(
                    activity.getString(R.string.picture_unreadable),
                    LiveTest.text(activity, R.id.verdict));
            assertFalse(activity.findViewById(R.id.compare).isEnabled());
        }
    }

    @Test
    public void anUnreadablePictureThatIsComparedAlreadyIsOneSentence() throws Exception {
        try (ActivityController<MainActivity> controller =
                Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity activity = controller.get();
            activity.select(VERIFY);
            activity.screen(VERIFY).picked(0, Pictures.sample("nothing.jpg"));
            CountDownLatch comparing = hold(activity);
            activity.screen(VERIFY).picked(1, Pictures.sample("obama.jpg"));
            activity.findViewById(R.id.compare).performClick();
            waitUntilItIsSaid(activity);
            comparing.countDown();
            settle(activity);
            assertEquals(
                    activity.getString(R.string.picture_unreadable),
                    LiveTest.text(activity, R.id.verdict));
            assertFalse(activity.findViewById(R.id.compare).isEnabled());
        }
    }

    private static void waitUntilItIsSaid(MainActivity activity) throws InterruptedException {
        while (LiveTest.text(activity, R.id.verdict).isEmpty()) {
            Thread.sleep(10);
            ShadowLooper.idleMainLooper();
        }
    }

    static void compareSamples(MainActivity activity) throws Exception {
        activity.findViewById(R.id.samples).performClick();
        settle(activity);
        activity.findViewById(R.id.compare).performClick();
        settle(activity);
        assertEquals(View.VISIBLE, activity.findViewById(R.id.result).getVisibility());
    }
}
