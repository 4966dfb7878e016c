package org.facesdk.demo;

import android.graphics.Bitmap;
import android.net.Uri;
import android.os.Bundle;
import android.view.View;
import android.widget.Button;
import android.widget.TextView;

import org.facesdk.Frame;
import org.facesdk.Match;
import org.facesdk.Timings;
import org.facesdk.Verification;

/** Two pictures: one person or two? */
final class VerifyScreen extends Screen {
    private static final int[] SLOTS = {R.id.first, R.id.second};
    private static final String[] SAMPLES = {"obama.jpg", "obama2.jpg"};
    private static final int[] NAMES = {R.string.verify_first, R.string.verify_second};
    private static final String PICTURE = "picture";
    private static final String COMPARED = "compared";

    private final Uri[] uris = new Uri[SLOTS.length];
    private final Bitmap[] bitmaps = new Bitmap[SLOTS.length];
    private boolean compared;

    VerifyScreen(MainActivity activity) {
        super(activity);
    }

    @Override
    int layout() {
        return R.layout.screen_verify;
    }

    @Override
    void made(Bundle state) {
        for (int i = 0; i < SLOTS.length; ++i) {
            int slot = i;
            this.<View>find(SLOTS[i]).setOnClickListener(clicked -> pick(slot));
            String uri = state.getString(PICTURE + i);
            if (uri != null) {
                load(i, Uri.parse(uri));
            }
        }
        this.<View>find(R.id.compare).setOnClickListener(clicked -> compare());
        this.<View>find(R.id.samples)
                .setOnClickListener(
                        clicked -> {
                            for (int i = 0; i < SLOTS.length; ++i) {
                                load(i, Pictures.sample(SAMPLES[i]));
                            }
                        });
        if (state.getBoolean(COMPARED)) {
            compare();
        }
        enableCompare();
    }

    @Override
    void save(Bundle state) {
        for (int i = 0; i < SLOTS.length; ++i) {
            state.putString(PICTURE + i, uris[i] == null ? null : uris[i].toString());
        }
        state.putBoolean(COMPARED, compared);
    }

    @Override
    void picked(int request, Uri picture) {
        load(request, picture);
    }

    private void load(int slot, Uri uri) {
        uris[slot] = uri;
        bitmaps[slot] = null;
        this.<PictureSlot>find(SLOTS[slot]).setPicture(null);
        hideResult();
        run(
                running -> Pictures.read(running.context(), uri),
                bitmap -> {
                    if (uri.equals(uris[slot])) {
                        bitmaps[slot] = bitmap;
                        this.<PictureSlot>find(SLOTS[slot]).setPicture(bitmap);
                        enableCompare();
                    }
                },
                message -> {
                    if (uri.equals(uris[slot])) {
                        uris[slot] = null;
                        fail(message);
                    }
                });
    }

    private void enableCompare() {
        this.<Button>find(R.id.compare).setEnabled(uris[0] != null && uris[1] != null);
    }

    private void hideResult() {
        compared = false;
        this.<View>find(R.id.result).setVisibility(View.GONE);
        enableCompare();
    }

    private void compare() {
        Uri first = uris[0];
        Uri second = uris[1];
        if (first == null || second == null) {
            return;
        }
        compared = true;
        Button button = find(R.id.compare);
        button.setEnabled(false);
        button.setText(R.string.working);
        run(
                running -> running.engine().verify(frame(first, 0), frame(second, 1)),
                result -> {
                    if (current(first, second)) {
                        show(result);
                    }
                    finished();
                },
                message -> {
                    if (current(first, second)) {
                        fail(message);
                    }
                    finished();
                });
    }

    /** Whether these are the pictures still: others may have been chosen, or one was unreadable. */
    private boolean current(Uri first, Uri second) {
        return first.equals(uris[0]) && second.equals(uris[1]);
    }

    /** On the thread of the networks. */
    private Frame frame(Uri uri, int slot) {
        return Frame.ofBitmap(Pictures.read(work.context(), uri))
                .named(activity.getString(NAMES[slot]));
    }

    private void finished() {
        this.<Button>find(R.id.compare).setText(R.string.verify_compare);
        enableCompare();
    }

    private void show(Verification result) {
        Match match = result.match();
        Timings times = result.timings();
        text(
                R.id.verdict,
                activity.getString(
                        match.same() ? R.string.verify_same : R.string.verify_different));
        this.<TextView>find(R.id.verdict)
                .setTextColor(activity.getColor(match.same() ? R.color.good : R.color.bad));
        this.<View>find(R.id.bar).setVisibility(View.VISIBLE);
        this.<SimilarityBar>find(R.id.bar).show(match.similarity(), match.threshold());
        Double rate = match.fmr();
        text(
                R.id.reason,
                activity.getString(
                        R.string.verify_similarity,
                        match.similarity(),
                        match.threshold(),
                        Numbers.whole(activity, rate == null ? 0 : Math.round(1 / rate))));
        text(
                R.id.times,
                activity.getString(
                        R.string.verify_times,
                        Numbers.milliseconds(activity, times.detect()),
                        Numbers.milliseconds(activity, times.align()),
                        Numbers.milliseconds(activity, times.embed())));
        this.<View>find(R.id.result).setVisibility(View.VISIBLE);
    }

    private void fail(String message) {
        text(R.id.verdict, message);
        this.<TextView>find(R.id.verdict).setTextColor(activity.getColor(R.color.bad));
        this.<View>find(R.id.bar).setVisibility(View.GONE);
        text(R.id.reason, "");
        text(R.id.times, "");
        this.<View>find(R.id.result).setVisibility(View.VISIBLE);
    }

    private void text(int id, String words) {
        TextView view = find(id);
        view.setText(words);
        view.setVisibility(words.isEmpty() ? View.GONE : View.VISIBLE);
    }
}
