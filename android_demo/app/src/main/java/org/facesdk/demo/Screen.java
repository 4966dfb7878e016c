package org.facesdk.demo;

import android.content.Intent;
import android.net.Uri;
import android.os.Bundle;
import android.view.LayoutInflater;
import android.view.View;
import android.view.ViewGroup;

/** One of the tabs of {@link MainActivity}. */
abstract class Screen {
    final MainActivity activity;
    final FaceWork work;
    private View view;
    private boolean shown;

    Screen(MainActivity activity) {
        this.activity = activity;
        this.work = FaceWork.of(activity);
    }

    abstract int layout();

    /** The view was made; {@code state} is what {@link #save} wrote, or empty. */
    abstract void made(Bundle state);

    /** Writes what the screen needs to come back as it was. */
    void save(Bundle state) {}

    /** The screen is in front of somebody. */
    void resumed() {}

    /** It no longer is. */
    void paused() {}

    /** The activity is gone, and another may come in its place. */
    void destroyed() {}

    /** Somebody chose a picture, which the screen had asked for with this number. */
    void picked(int request, Uri picture) {}

    /** Somebody answered whether the camera is allowed. */
    void permissionAnswered() {}

    final View view(ViewGroup parent, Bundle state) {
        if (view == null) {
            view = LayoutInflater.from(activity).inflate(layout(), parent, false);
            made(state);
        }
        return view;
    }

    @SuppressWarnings({
        "unchecked",
        "TypeParameterUnusedInFormals"
    }) // as Android's own since API level 26
    final <V extends View> V find(int id) {
        return (V) view.findViewById(id);
    }

    final boolean made() {
        return view != null;
    }

    final void setShown(boolean now) {
        if (shown != now) {
            shown = now;
            if (now) {
                resumed();
            } else {
                paused();
            }
        }
    }

    final boolean shown() {
        return shown;
    }

    /** Does work and hands the result to this screen, unless its activity is gone by then. */
    final <T> void run(FaceWork.Job<T> job, FaceWork.Done<T> done, FaceWork.Failed failed) {
        work.run(
                job,
                result -> {
                    if (!activity.isDestroyed()) {
                        done.done(result);
                    }
                },
                message -> {
                    if (!activity.isDestroyed()) {
                        failed.failed(message);
                    }
                });
    }

    /** Lets somebody choose a picture; {@link #picked} gets it. */
    final void pick(int request) {
        Intent intent = new Intent(Intent.ACTION_OPEN_DOCUMENT);
        intent.addCategory(Intent.CATEGORY_OPENABLE);
        intent.setType("image/*");
        activity.pick(intent, request);
    }
}
