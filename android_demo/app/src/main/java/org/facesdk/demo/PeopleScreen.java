package org.facesdk.demo;

import android.app.AlertDialog;
import android.net.Uri;
import android.os.Bundle;
import android.view.LayoutInflater;
import android.view.View;
import android.view.ViewGroup;
import android.widget.TextView;

import org.facesdk.Face;
import org.facesdk.Frame;
import org.facesdk.NoFaceException;
import org.facesdk.Person;

import java.util.List;

/** Who is enrolled; enrol from a picture; forget. */
final class PeopleScreen extends Screen {
    private static final int PICK = 1;
    private static final String FORGETTING = "forgetting";

    private AlertDialog dialog;
    private String forgetting;

    PeopleScreen(MainActivity activity) {
        super(activity);
    }

    @Override
    int layout() {
        return R.layout.screen_people;
    }

    @Override
    void made(Bundle state) {
        this.<View>find(R.id.add).setOnClickListener(clicked -> pick(PICK));
        this.<View>find(R.id.list).setVisibility(View.GONE);
        forgetting = state.getString(FORGETTING);
    }

    @Override
    void save(Bundle state) {
        state.putString(FORGETTING, forgetting);
    }

    @Override
    void resumed() {
        list();
        if (forgetting != null) {
            ask(forgetting);
        }
    }

    @Override
    void paused() {
        if (dialog != null) {
            dialog.setOnDismissListener(null);
            dialog.dismiss();
        }
        dialog = null;
    }

    @Override
    void picked(int request, Uri picture) {
        run(
                running -> {
                    Frame frame = Frame.ofBitmap(Pictures.read(running.context(), picture));
                    try {
                        Face face = running.engine().choose(frame).face();
                        return EnrolActivity.intent(running, frame, face);
                    } catch (NoFaceException none) {
                        throw new NoFaceException(
                                running.context().getString(R.string.no_face_here));
                    }
                },
                activity::startActivity,
                activity::say);
    }

    private void list() {
        run(running -> running.gallery().people(), this::show, this::fail);
    }

    private void show(List<Person> people) {
        ViewGroup list = find(R.id.list);
        list.removeAllViews();
        for (Person person : people) {
            list.addView(row(list, person));
        }
        list.setVisibility(people.isEmpty() ? View.GONE : View.VISIBLE);
        TextView empty = find(R.id.empty);
        empty.setText(R.string.people_empty);
        empty.setVisibility(people.isEmpty() ? View.VISIBLE : View.GONE);
    }

    private View row(ViewGroup list, Person person) {
        View row = LayoutInflater.from(activity).inflate(R.layout.row_person, list, false);
        String name = person.name();
        int count = person.templates();
        ((TextView) row.findViewById(R.id.initial))
                .setText(name.substring(0, name.offsetByCodePoints(0, 1)));
        ((TextView) row.findViewById(R.id.name)).setText(name);
        ((TextView) row.findViewById(R.id.templates))
                .setText(
                        activity.getResources()
                                .getQuantityString(R.plurals.people_templates, count, count));
        View forget = row.findViewById(R.id.forget);
        forget.setContentDescription(activity.getString(R.string.people_forget, name));
        forget.setOnClickListener(clicked -> ask(name));
        return row;
    }

    private void ask(String name) {
        forgetting = name;
        dialog =
                new AlertDialog.Builder(activity)
                        .setMessage(activity.getString(R.string.people_forget_ask, name))
                        .setPositiveButton(
                                R.string.people_forget_yes, (shown, which) -> forget(name))
                        .setNegativeButton(R.string.cancel, null)
                        .setOnDismissListener(dismissed -> forgetting = null)
                        .show();
    }

    private void forget(String name) {
        run(running -> running.gallery().forget(name), count -> list(), this::fail);
    }

    private void fail(String message) {
        this.<View>find(R.id.list).setVisibility(View.GONE);
        TextView empty = find(R.id.empty);
        empty.setText(message);
        empty.setVisibility(View.VISIBLE);
    }
}
