package org.facesdk.demo;

import android.content.Intent;
import android.os.Build;
import android.os.Bundle;
import android.view.Gravity;
import android.view.View;
import android.widget.ProgressBar;
import android.widget.TableLayout;
import android.widget.TableRow;
import android.widget.TextView;

import org.facesdk.BenchReport;
import org.facesdk.Distribution;
import org.facesdk.FaceSdk;

/** Measures the stages on a sample picture, shows their times, and shares the report as JSON. */
final class BenchScreen extends Screen {
    private static final String SAMPLE = "obama.jpg";
    private static final int WARM_UP = 5;
    private static final int RUNS = 100;
    private static final String JSON = "json";
    private static final String ROWS = "rows";
    private static final String TITLE = "title";
    private static final String DEVICE = "device";

    private final Measured shower = new Measured();
    private String json;
    private String title;
    private String device;
    private String[] rows;

    BenchScreen(MainActivity activity) {
        super(activity);
    }

    @Override
    int layout() {
        return R.layout.screen_bench;
    }

    @Override
    void made(Bundle state) {
        this.<View>find(R.id.run).setOnClickListener(clicked -> measure(RUNS));
        this.<View>find(R.id.share).setOnClickListener(clicked -> share());
        json = state.getString(JSON);
        if (json != null) {
            title = state.getString(TITLE);
            device = state.getString(DEVICE);
            rows = state.getStringArray(ROWS);
            show();
        }
        if (work.benchmark() != null) {
            follow();
        }
    }

    @Override
    void save(Bundle state) {
        state.putString(JSON, json);
        state.putString(TITLE, title);
        state.putString(DEVICE, device);
        state.putStringArray(ROWS, rows);
    }

    @Override
    void destroyed() {
        Ongoing<BenchReport> benchmark = work.benchmark();
        if (benchmark != null) {
            benchmark.leave(shower);
        }
    }

    /** Measures; the networks are busy meanwhile. */
    void measure(int runs) {
        work.measure(SAMPLE, WARM_UP, runs);
        follow();
    }

    /** Waits for the benchmark that runs, whoever began it. */
    private void follow() {
        boolean running = !work.benchmark().ended();
        this.<View>find(R.id.run).setEnabled(!running);
        ProgressBar bar = find(R.id.progress);
        bar.setProgress(0);
        bar.setVisibility(running ? View.VISIBLE : View.GONE);
        work.benchmark().follow(shower);
    }

    private final class Measured implements Ongoing.Follower<BenchReport> {
        @Override
        public void progress(int done, int total) {
            say(done < total ? activity.getString(R.string.bench_running, done, total) : "");
            ProgressBar bar = find(R.id.progress);
            bar.setMax(total);
            bar.setProgress(done);
        }

        @Override
        public void done(BenchReport report) {
            take(report);
            finished();
        }

        @Override
        public void failed(String message) {
            say(message);
            finished();
        }
    }

    private void say(String sentence) {
        TextView status = find(R.id.status);
        status.setText(sentence);
        status.setVisibility(sentence.isEmpty() ? View.GONE : View.VISIBLE);
    }

    private void finished() {
        this.<View>find(R.id.progress).setVisibility(View.GONE);
        this.<View>find(R.id.run).setEnabled(true);
    }

    private void take(BenchReport report) {
        json = report.toJson();
        title =
                activity.getString(
                        R.string.bench_total,
                        Numbers.milliseconds(activity, report.total().median()));
        device =
                activity.getString(
                        R.string.bench_device,
                        Build.MANUFACTURER + " " + Build.MODEL,
                        Build.VERSION.RELEASE,
                        FaceSdk.kernelPath(),
                        FaceSdk.runtimeVersion());
        rows = new String[report.stages().size()];
        for (int i = 0; i < rows.length; ++i) {
            BenchReport.Stage stage = report.stages().get(i);
            Distribution times = stage.distribution();
            rows[i] =
                    String.join(
                            "\t",
                            stage.name(),
                            number(times.median()),
                            number(times.p90()),
                            number(times.p99()));
        }
        show();
    }

    private String number(double milliseconds) {
        return Double.isNaN(milliseconds) ? "–" : Numbers.milliseconds(activity, milliseconds);
    }

    private void show() {
        this.<TextView>find(R.id.total).setText(title);
        this.<TextView>find(R.id.device).setText(device);
        TableLayout table = find(R.id.table);
        table.removeAllViews();
        table.addView(
                row(
                        R.style.Text_Quiet,
                        activity.getString(R.string.bench_stage),
                        activity.getString(R.string.bench_median),
                        activity.getString(R.string.bench_p90),
                        activity.getString(R.string.bench_p99)));
        for (String row : rows) {
            table.addView(row(R.style.Text_Figures, row.split("\t")));
        }
        this.<View>find(R.id.report).setVisibility(View.VISIBLE);
        this.<View>find(R.id.share).setVisibility(View.VISIBLE);
    }

    private TableRow row(int style, String... cells) {
        TableRow row = new TableRow(activity);
        int space = activity.getResources().getDimensionPixelSize(R.dimen.table_space);
        for (int i = 0; i < cells.length; ++i) {
            TextView cell = new TextView(activity);
            cell.setTextAppearance(style);
            cell.setText(cells[i]);
            cell.setGravity(i == 0 ? Gravity.START : Gravity.END);
            cell.setPaddingRelative(i == 0 ? 0 : space, space / 2, 0, space / 2);
            row.addView(cell);
        }
        return row;
    }

    private void share() {
        Intent send =
                new Intent(Intent.ACTION_SEND)
                        .setType("application/json")
                        .putExtra(
                                Intent.EXTRA_SUBJECT,
                                activity.getString(R.string.bench_share_title))
                        .putExtra(Intent.EXTRA_TEXT, json);
        activity.startActivity(
                Intent.createChooser(send, activity.getString(R.string.bench_share)));
    }
}
