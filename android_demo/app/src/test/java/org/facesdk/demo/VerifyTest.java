package org.facesdk.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import android.content.ContentResolver;
import android.net.Uri;
import android.os.Bundle;
import android.view.View;
import java.io.ByteArrayInputStream;
import java.util.Locale;
import org.junit.Test;
import org.robolectric.Robolectric;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowContentResolver;

/** Two pictures are compared, with Python's verdict; what was compared survives rotation and the end of the process. */
public final class VerifyTest extends OnHost {
    private static final int VERIFY = 1;

    @Test
    public void samplesAreOnePersonAsInPython() throws Exception {
        try (ActivityController<MainActivity> controller = Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity activity = controller.get();
            activity.select(VERIFY);
            assertFalse(activity.findViewById(R.id.compare).isEnabled());
            compareSamples(activity);
            String expected = String.format(Locale.ROOT, "Similarity %.2f.", Double.parseDouble(System.getProperty("facesdk.similarity")));
            assertTrue(LiveTest.text(activity, R.id.reason), LiveTest.text(activity, R.id.reason).startsWith(expected));
            assertTrue(LiveTest.text(activity, R.id.reason).endsWith("1,000."));
            assertEquals(activity.getString(R.string.verify_same), LiveTest.text(activity, R.id.verdict));
            ((android.widget.TextView) activity.findViewById(R.id.times))
                .setText(activity.getString(R.string.verify_times, "52", "0.8", "11"));
            settle(activity);
            picture(activity, "verify-same");

            Bundle saved = end(controller);
            endProcess();
            try (ActivityController<MainActivity> next = Robolectric.buildActivity(MainActivity.class).setup(saved)) {
                settle(next.get());
                assertTrue(next.get().findViewById(R.id.tab_verify).isSelected());
                assertEquals(activity.getString(R.string.verify_same), LiveTest.text(next.get(), R.id.verdict));
                RuntimeEnvironment.setQualifiers("+night-w720dp-h360dp-land");
                next.configurationChange();
                settle(next.get());
                assertEquals(activity.getString(R.string.verify_same), LiveTest.text(next.get(), R.id.verdict));
            }
        }
    }

    @Test
    public void aFileThatIsNoPictureIsOneSentence() throws Exception {
        Uri uri = Uri.parse("content://test/1");
        ContentResolver resolver = RuntimeEnvironment.getApplication().getContentResolver();
        ShadowContentResolver shadow = Shadow.extract(resolver);
        shadow.registerInputStreamSupplier(uri, () -> new ByteArrayInputStream("no picture".getBytes()));
        try (ActivityController<MainActivity> controller = Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity activity = controller.get();
            activity.select(VERIFY);
            activity.screen(VERIFY).picked(0, uri);
            settle(activity);
            assertEquals(activity.getString(R.string.picture_unreadable), LiveTest.text(activity, R.id.verdict));
            assertFalse(activity.findViewById(R.id.compare).isEnabled());
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
