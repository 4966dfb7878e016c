package org.facesdk.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import android.view.View;
import android.widget.TextView;

import org.junit.Test;
import org.robolectric.Robolectric;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;

import java.util.ArrayList;
import java.util.List;

/**
 * How the screens look, in every form that people may have set; the kept pictures are compared
 * afterwards.
 */
public final class ScreenshotsTest extends OnHost {
    private static final String[] NAMES = {"live", "verify", "people", "bench"};
    private static final int SMALLEST_TARGET_DP = 48;

    @Test
    public void light() throws Exception {
        draw("light");
    }

    @Test
    public void dark() throws Exception {
        RuntimeEnvironment.setQualifiers("+night");
        draw("dark");
    }

    @Test
    public void largeFonts() throws Exception {
        RuntimeEnvironment.setFontScale(2);
        draw("large");
    }

    @Test
    public void german() throws Exception {
        RuntimeEnvironment.setQualifiers("+de");
        draw("german");
    }

    @Test
    public void rightToLeft() throws Exception {
        RuntimeEnvironment.setQualifiers("+ar-ldrtl");
        draw("rtl");
    }

    @Test
    public void landscape() throws Exception {
        RuntimeEnvironment.setQualifiers("+w720dp-h360dp-land");
        draw("land");
    }

    private static void draw(String form) throws Exception {
        try (ActivityController<MainActivity> controller =
                Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity activity = controller.get();
            for (int tab = 0; tab < NAMES.length; ++tab) {
                activity.select(tab);
                settle(activity);
                checkForScreenReaders(activity);
                picture(activity, NAMES[tab] + "-" + form);
            }
        }
    }

    /** Whatever can be tapped has a name and is large enough for a finger; no text is cut off. */
    static void checkForScreenReaders(MainActivity activity) {
        float density = activity.getResources().getDisplayMetrics().density;
        List<String> faults = new ArrayList<>();
        visit(
                activity.getWindow().getDecorView(),
                view -> {
                    String name = name(activity, view);
                    if (view.isClickable() && view.isEnabled()) {
                        boolean named =
                                view.getContentDescription() != null
                                        || (view instanceof TextView
                                                && ((TextView) view).length() > 0);
                        if (!named) {
                            faults.add(name + " has no name");
                        }
                        if (Math.min(view.getWidth(), view.getHeight())
                                < SMALLEST_TARGET_DP * density - 1) {
                            faults.add(
                                    name
                                            + " has only "
                                            + view.getWidth()
                                            + "x"
                                            + view.getHeight()
                                            + " pixels");
                        }
                    }
                    if (view instanceof TextView
                            && ((TextView) view).getLayout() != null
                            && !(view instanceof android.widget.EditText)) {
                        TextView text = (TextView) view;
                        int room =
                                text.getHeight()
                                        - text.getCompoundPaddingTop()
                                        - text.getCompoundPaddingBottom();
                        if (text.getLayout().getHeight() > room + 1) {
                            faults.add(name + " cuts off '" + text.getText() + "'");
                        }
                    }
                });
        assertEquals(String.join("\n", faults), 0, faults.size());
        assertTrue(activity.getWindow().getDecorView().getWidth() > 0);
    }

    private static String name(MainActivity activity, View view) {
        String id =
                view.getId() == View.NO_ID
                        ? "?"
                        : activity.getResources().getResourceEntryName(view.getId());
        return view.getClass().getSimpleName() + " " + id;
    }
}
