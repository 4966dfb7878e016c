package org.facesdk.demo;

import android.app.Activity;
import android.content.Intent;
import android.os.Bundle;
import android.text.Editable;
import android.text.TextWatcher;
import android.view.View;
import android.widget.Button;
import android.widget.EditText;
import android.widget.ImageView;
import android.widget.TextView;
import android.widget.Toast;

import org.facesdk.Crop;
import org.facesdk.Face;
import org.facesdk.Frame;
import org.facesdk.Gallery;
import org.facesdk.Quality;
import org.facesdk.Template;

import java.util.UUID;

/**
 * Asks for the name of a face and enrols it, if the picture is good enough. What it needs is in its
 * intent.
 */
public final class EnrolActivity extends Activity {
    private static final String PIXELS = "pixels";
    private static final String WIDTH = "width";
    private static final String HEIGHT = "height";
    private static final String SCORE = "score";
    private static final String REASONS = "reasons";
    private static final String ACCEPTABLE = "acceptable";
    private static final String SAVING = "saving";
    private static final int HUNDRED = 100;

    private final Saved shower = new Saved();
    private Button save;
    private EditText name;
    private boolean acceptable;
    private String saving;

    /** Starts this activity for a face of a frame; a job of {@link FaceWork}. */
    static Intent intent(FaceWork work, Frame frame, Face face) {
        Crop crop = work.engine().align(frame, face);
        Quality quality = work.engine().quality(frame, face);
        return new Intent(work.context(), EnrolActivity.class)
                .putExtra(PIXELS, crop.rgb())
                .putExtra(WIDTH, crop.width())
                .putExtra(HEIGHT, crop.height())
                .putExtra(SCORE, quality.score())
                .putExtra(REASONS, quality.reasons().toArray(new String[0]))
                .putExtra(ACCEPTABLE, quality.acceptable());
    }

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.activity_enrol);
        Intent intent = getIntent();
        byte[] pixels = intent.getByteArrayExtra(PIXELS);
        if (pixels == null) { // started by nobody of this app
            finish();
            return;
        }
        Crop crop = Crop.of(pixels, intent.getIntExtra(WIDTH, 0), intent.getIntExtra(HEIGHT, 0));
        double score = intent.getDoubleExtra(SCORE, 0);
        acceptable = intent.getBooleanExtra(ACCEPTABLE, false);
        ((ImageView) findViewById(R.id.crop)).setImageBitmap(crop.toBitmap());
        TextView quality = (TextView) findViewById(R.id.quality);
        quality.setText(
                getString(
                        acceptable ? R.string.enrol_good : R.string.enrol_poor,
                        Math.round(score * HUNDRED)));
        quality.setTextColor(getColor(acceptable ? R.color.good : R.color.bad));
        TextView hints = (TextView) findViewById(R.id.hints);
        String[] reasons = intent.getStringArrayExtra(REASONS);
        hints.setText(Hints.of(this, reasons));
        hints.setVisibility(reasons.length == 0 ? View.GONE : View.VISIBLE);
        name = (EditText) findViewById(R.id.name);
        save = (Button) findViewById(R.id.save);
        name.addTextChangedListener(new Changed());
        save.setOnClickListener(clicked -> enrol(crop, score));
        findViewById(R.id.cancel).setOnClickListener(clicked -> finish());
        saving = saved == null ? null : saved.getString(SAVING);
        follow();
    }

    @Override
    protected void onSaveInstanceState(Bundle out) {
        super.onSaveInstanceState(out);
        out.putString(SAVING, saving);
    }

    @Override
    protected void onDestroy() {
        Ongoing<Template> enrolment = FaceWork.of(this).enrolment(saving);
        if (enrolment != null && !isFinishing()) {
            enrolment.leave(shower);
        }
        super.onDestroy();
    }

    private void enable() {
        save.setEnabled(saving == null && acceptable && !entered().isEmpty());
    }

    private String entered() {
        return Gallery.normalName(name.getText().toString());
    }

    private void enrol(Crop crop, double score) {
        saving = UUID.randomUUID().toString();
        FaceWork.of(this).enrol(saving, entered(), crop, score);
        follow();
    }

    /** Waits for the enrolment that began here, or in the activity in whose place this one is. */
    private void follow() {
        Ongoing<Template> enrolment = FaceWork.of(this).enrolment(saving);
        if (enrolment == null) {
            saving = null;
        } else {
            enrolment.follow(shower);
        }
        enable();
    }

    private final class Saved implements Ongoing.Follower<Template> {
        @Override
        public void done(Template template) {
            end(getString(R.string.enrol_saved, template.name()), Toast.LENGTH_SHORT);
            finish();
        }

        @Override
        public void failed(String message) {
            end(message, Toast.LENGTH_LONG);
        }

        private void end(String message, int length) {
            Toast.makeText(EnrolActivity.this, message, length).show();
            FaceWork.of(EnrolActivity.this).forgetEnrolment(saving);
            saving = null;
            enable();
        }
    }

    private final class Changed implements TextWatcher {
        @Override
        public void beforeTextChanged(CharSequence text, int start, int count, int after) {}

        @Override
        public void onTextChanged(CharSequence text, int start, int before, int count) {}

        @Override
        public void afterTextChanged(Editable text) {
            enable();
        }
    }
}
