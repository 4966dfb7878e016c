package org.facesdk.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import android.content.Intent;
import android.view.View;
import android.widget.TableLayout;
import android.widget.TableRow;
import android.widget.TextView;

import org.json.JSONObject;
import org.junit.Test;
import org.robolectric.Robolectric;
import org.robolectric.android.controller.ActivityController;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.concurrent.CountDownLatch;

/** The bench screen measures, keeps its report over a rotation, and shares it as JSON. */
public final class BenchTest extends OnHost {
    private static final int BENCH = 3;
    private static final int RUNS = 12;

    @Test
    public void aReportIsMeasuredKeptAndShared() throws Exception {
        try (ActivityController<MainActivity> controller =
                Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity activity = controller.get();
            activity.select(BENCH);
            assertEquals(View.GONE, activity.findViewById(R.id.report).getVisibility());
            ((BenchScreen) activity.screen(BENCH)).measure(RUNS);
            settle(activity);
            assertEquals(
                    "", LiveTest.text(activity, R.id.status).replaceFirst("Run \\d+ of \\d+", ""));
            controller.recreate();
            activity = controller.get();
            settle(activity);
            TableLayout table = (TableLayout) activity.findViewById(R.id.table);
            assertEquals(
                    "detect",
                    ((TextView) ((TableRow) table.getChildAt(1)).getChildAt(0))
                            .getText()
                            .toString());
            activity.findViewById(R.id.share).performClick();
            Intent chooser = LiveTest.shadow(activity).getNextStartedActivity();
            Intent send = chooser.getParcelableExtra(Intent.EXTRA_INTENT);
            String json = send.getStringExtra(Intent.EXTRA_TEXT);
            assertEquals("pipeline", new JSONObject(json).getString("kind"));
            Files.write(
                    Paths.get(System.getProperty("facesdk.pictures"), "bench.json"),
                    json.getBytes(StandardCharsets.UTF_8));
            hideTimes(activity, table);
            picture(activity, "bench-report");
        }
    }

    @Test
    public void aRunGoesOnWhileTheScreenIsTurned() throws Exception {
        try (ActivityController<MainActivity> controller =
                Robolectric.buildActivity(MainActivity.class).setup()) {
            controller.get().select(BENCH);
            CountDownLatch running = hold(controller.get());
            ((BenchScreen) controller.get().screen(BENCH)).measure(1);
            controller.recreate();
            MainActivity activity = controller.get();
            assertFalse(activity.findViewById(R.id.run).isEnabled());
            assertEquals(View.VISIBLE, activity.findViewById(R.id.progress).getVisibility());
            running.countDown();
            settle(activity);
            assertEquals(View.VISIBLE, activity.findViewById(R.id.report).getVisibility());
            assertTrue(activity.findViewById(R.id.run).isEnabled());
        }
        try (ActivityController<MainActivity> next =
                Robolectric.buildActivity(MainActivity.class).setup()) {
            next.get().select(BENCH);
            assertEquals(View.VISIBLE, next.get().findViewById(R.id.report).getVisibility());
        }
    }

    /** Times differ from run to run; pictures are compared. */
    private static void hideTimes(MainActivity activity, TableLayout table) throws Exception {
        for (int row = 1; row < table.getChildCount(); ++row) {
            for (int cell = 1; cell < ((TableRow) table.getChildAt(row)).getChildCount(); ++cell) {
                TextView view = (TextView) ((TableRow) table.getChildAt(row)).getChildAt(cell);
                assertTrue(view.getText().length() > 0);
                view.setText(cell == 3 ? "–" : "1" + row + "." + cell);
            }
        }
        ((TextView) activity.findViewById(R.id.total))
                .setText(activity.getString(R.string.bench_total, "24"));
        ((TextView) activity.findViewById(R.id.device))
                .setText(
                        activity.getString(R.string.bench_device, "Phone", "15", "neon", "2.16.1"));
        settle(activity);
    }
}
