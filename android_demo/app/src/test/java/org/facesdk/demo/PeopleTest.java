package org.facesdk.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import android.app.AlertDialog;
import android.content.DialogInterface;
import android.content.Intent;
import android.graphics.Bitmap;
import android.net.Uri;
import android.os.Bundle;
import android.view.View;
import android.view.ViewGroup;
import android.widget.TextView;

import org.junit.Test;
import org.robolectric.Robolectric;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.shadows.ShadowAlertDialog;

import java.io.File;
import java.io.FileOutputStream;
import java.util.concurrent.CountDownLatch;

/** A face is enrolled from a picture, listed, and forgotten. */
public final class PeopleTest extends OnHost {
    private static final int PEOPLE = 2;

    @Test
    public void aFaceIsEnrolledListedAndForgotten() throws Exception {
        try (ActivityController<MainActivity> controller =
                Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity activity = controller.get();
            activity.select(PEOPLE);
            settle(activity);
            assertEquals(View.VISIBLE, activity.findViewById(R.id.empty).getVisibility());
            assertEquals(
                    activity.getString(R.string.people_empty), LiveTest.text(activity, R.id.empty));

            activity.screen(PEOPLE).picked(1, Pictures.sample("obama.jpg"));
            settle(activity);
            Intent enrol = LiveTest.shadow(activity).getNextStartedActivity();
            enrolWith(enrol, "Barack");
            LiveTest.enrol(activity, "obama2.jpg", "Barack");
            controller.pause().resume();
            settle(activity);
            ViewGroup list = (ViewGroup) activity.findViewById(R.id.list);
            assertEquals(1, list.getChildCount());
            assertEquals("Barack", ((TextView) list.findViewById(R.id.name)).getText().toString());
            assertEquals(
                    "2 templates",
                    ((TextView) list.findViewById(R.id.templates)).getText().toString());
            picture(activity, "people-one");

            list.findViewById(R.id.forget).performClick();
            Bundle saved = end(controller); // while the question is open
            endProcess();
            try (ActivityController<MainActivity> next =
                    Robolectric.buildActivity(MainActivity.class).setup(saved)) {
                settle(next.get());
                AlertDialog question = ShadowAlertDialog.getLatestAlertDialog();
                assertTrue(question.isShowing());
                picture(question.getWindow().getDecorView(), "people-forget");
                question.getButton(DialogInterface.BUTTON_POSITIVE).performClick();
                settle(next.get());
                assertEquals(View.VISIBLE, next.get().findViewById(R.id.empty).getVisibility());
            }
        }
    }

    @Test
    public void aPoorPictureIsNotEnrolledAndTheHintsSayWhatToDo() throws Exception {
        RuntimeEnvironment.setQualifiers("+de");
        File blurred = new File(RuntimeEnvironment.getApplication().getCacheDir(), "blurred.png");
        try (ActivityController<MainActivity> controller =
                Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity activity = controller.get();
            Bitmap whole = Pictures.read(activity, Pictures.sample("obama.jpg"));
            Bitmap coarse =
                    Bitmap.createScaledBitmap(
                            whole, whole.getWidth() / 36, whole.getHeight() / 36, true);
            Bitmap large =
                    Bitmap.createScaledBitmap(
                            coarse, whole.getWidth() / 2, whole.getHeight() / 2, true);
            try (FileOutputStream file = new FileOutputStream(blurred)) {
                assertTrue(large.compress(Bitmap.CompressFormat.PNG, 100, file));
            }
            activity.select(PEOPLE);
            activity.screen(PEOPLE).picked(1, Uri.fromFile(blurred));
            settle(activity);
            Intent enrol = LiveTest.shadow(activity).getNextStartedActivity();
            try (ActivityController<EnrolActivity> second =
                    Robolectric.buildActivity(EnrolActivity.class, enrol).setup()) {
                EnrolActivity poor = second.get();
                ((TextView) poor.findViewById(R.id.name)).setText("Barack");
                assertFalse("not good enough", poor.findViewById(R.id.save).isEnabled());
                String hints = ((TextView) poor.findViewById(R.id.hints)).getText().toString();
                assertTrue(hints, hints.contains(poor.getString(R.string.hint_blurred)));
                assertFalse(hints, hints.contains("must be"));
                picture(poor, "enrol-poor");
            }
        }
    }

    @Test
    public void turningTheScreenWhileAFaceIsSavedEnrolsItOnce() throws Exception {
        try (ActivityController<MainActivity> controller =
                Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity activity = controller.get();
            activity.select(PEOPLE);
            activity.screen(PEOPLE).picked(1, Pictures.sample("obama.jpg"));
            settle(activity);
            Intent intent = LiveTest.shadow(activity).getNextStartedActivity();
            CountDownLatch saving = hold(activity);
            try (ActivityController<EnrolActivity> second =
                    Robolectric.buildActivity(EnrolActivity.class, intent).setup()) {
                TextView name = (TextView) second.get().findViewById(R.id.name);
                name.setText("Barack");
                second.get().findViewById(R.id.save).performClick();
                name.append(" O");
                assertFalse("a key", second.get().findViewById(R.id.save).isEnabled());
                second.recreate();
                assertFalse("a turn", second.get().findViewById(R.id.save).isEnabled());
                saving.countDown();
                settle(activity);
                assertTrue(second.get().isFinishing());
            }
            controller.pause().resume();
            settle(activity);
            ViewGroup list = (ViewGroup) activity.findViewById(R.id.list);
            assertEquals(1, list.getChildCount());
            assertEquals("Barack", ((TextView) list.findViewById(R.id.name)).getText().toString());
            assertEquals(
                    "1 template",
                    ((TextView) list.findViewById(R.id.templates)).getText().toString());
        }
    }

    private static void enrolWith(Intent intent, String name) throws Exception {
        try (ActivityController<EnrolActivity> controller =
                Robolectric.buildActivity(EnrolActivity.class, intent).setup()) {
            EnrolActivity activity = controller.get();
            assertFalse("nobody has no name", activity.findViewById(R.id.save).isEnabled());
            ((TextView) activity.findViewById(R.id.name)).setText("  " + name + " ");
            controller.recreate();
            activity = controller.get();
            assertEquals(
                    "  " + name + " ",
                    ((TextView) activity.findViewById(R.id.name)).getText().toString());
            assertTrue(activity.findViewById(R.id.save).isEnabled());
            picture(activity, "enrol");
            activity.findViewById(R.id.save).performClick();
            settle(activity);
            assertTrue(activity.isFinishing());
        }
    }
}
