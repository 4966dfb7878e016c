package org.facesdk.demo;

import android.Manifest;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.graphics.Bitmap;
import android.graphics.Matrix;
import android.graphics.RectF;
import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraManager;
import android.hardware.display.DisplayManager;
import android.media.Image;
import android.net.Uri;
import android.os.Bundle;
import android.provider.Settings;
import android.view.Surface;
import android.view.TextureView;
import android.view.View;
import android.widget.Button;
import android.widget.TextView;

import org.facesdk.FaceSdk;
import org.facesdk.Frame;

/** The camera's picture, or a chosen one, with boxes, names and times. */
final class LiveScreen extends Screen implements CameraFeed.Receiver {
    private static final String FRONT = "front";
    private static final String PICTURE = "picture";
    private static final String ASKED = "asked";
    private static final int PICK = 1;
    private static final int KEPT_TIMES = 120;

    private final Latency find = new Latency(KEPT_TIMES);
    private final Latency recognise = new Latency(KEPT_TIMES);
    private final Latency total = new Latency(KEPT_TIMES);
    private final DisplayManager.DisplayListener turned = new DisplayTurned();
    private AspectLayout shape;
    private TextureView preview;
    private FacesView facesView;
    private TextView latency;
    private boolean front = true;
    private boolean asked;
    private Uri picture;
    volatile CameraFeed feed;
    volatile int frameDegrees;
    private CameraChoice choice;
    private SeenFrame newest;

    LiveScreen(MainActivity activity) {
        super(activity);
    }

    @Override
    int layout() {
        return R.layout.screen_live;
    }

    @Override
    void made(Bundle state) {
        front = state.getBoolean(FRONT, true);
        asked = state.getBoolean(ASKED);
        String chosen = state.getString(PICTURE);
        picture = chosen == null ? null : Uri.parse(chosen);
        shape = find(R.id.picture);
        preview = find(R.id.preview);
        facesView = find(R.id.faces);
        latency = find(R.id.latency);
        preview.setSurfaceTextureListener(new SurfaceListener());
        this.<View>find(R.id.switch_camera).setOnClickListener(clicked -> switchCamera());
        this.<View>find(R.id.pick).setOnClickListener(clicked -> pick(PICK));
        this.<View>find(R.id.notice_pick).setOnClickListener(clicked -> pick(PICK));
        this.<View>find(R.id.back_to_camera).setOnClickListener(clicked -> backToCamera());
        this.<View>find(R.id.enrol).setOnClickListener(clicked -> enrol());
    }

    @Override
    void save(Bundle state) {
        state.putBoolean(FRONT, front);
        state.putBoolean(ASKED, asked);
        state.putString(PICTURE, picture == null ? null : picture.toString());
    }

    @Override
    void resumed() {
        displays().registerDisplayListener(turned, null);
        update();
    }

    @Override
    void paused() {
        displays().unregisterDisplayListener(turned);
        stop();
    }

    private DisplayManager displays() {
        return activity.getSystemService(DisplayManager.class);
    }

    @Override
    void permissionAnswered() {
        asked = true;
        update();
    }

    @Override
    void picked(int request, Uri chosen) {
        picture = chosen;
        if (shown()) {
            update();
        }
    }

    /** Shows what there is: a chosen picture, the camera, or why there is none of both. */
    private void update() {
        stop();
        boolean still = picture != null;
        this.<View>find(R.id.back_to_camera).setVisibility(still ? View.VISIBLE : View.GONE);
        this.<View>find(R.id.switch_camera).setVisibility(still ? View.GONE : View.VISIBLE);
        preview.setVisibility(still ? View.GONE : View.VISIBLE);
        facesView.clear();
        facesView.setPicture(null);
        newest = null;
        latency.setText(R.string.live_looking);
        if (still) {
            hideNotice();
            look(picture);
            return;
        }
        if (!hasCamera()) {
            notice(R.drawable.ic_camera_off, activity.getString(R.string.live_no_camera), 0, null);
        } else if (activity.checkSelfPermission(Manifest.permission.CAMERA)
                != PackageManager.PERMISSION_GRANTED) {
            noticeOfPermission();
        } else {
            hideNotice();
            start();
        }
    }

    private void noticeOfPermission() {
        boolean refused =
                asked && !activity.shouldShowRequestPermissionRationale(Manifest.permission.CAMERA);
        if (refused) { // Android shows no dialog any more
            notice(
                    R.drawable.ic_camera_off,
                    activity.getString(R.string.live_denied),
                    R.string.live_settings,
                    this::openSettings);
        } else {
            int text = asked ? R.string.live_denied : R.string.live_needs_camera;
            notice(
                    R.drawable.ic_live,
                    activity.getString(text),
                    R.string.live_allow,
                    activity::askForCamera);
        }
    }

    private void openSettings() {
        activity.startActivity(
                new Intent(
                        Settings.ACTION_APPLICATION_DETAILS_SETTINGS,
                        Uri.fromParts("package", activity.getPackageName(), null)));
    }

    private void notice(int icon, String text, int action, Runnable onAction) {
        this.<View>find(R.id.notice).setVisibility(View.VISIBLE);
        this.<View>find(R.id.controls).setVisibility(View.GONE);
        this.<android.widget.ImageView>find(R.id.notice_icon).setImageResource(icon);
        this.<TextView>find(R.id.notice_text).setText(text);
        Button button = find(R.id.notice_action);
        button.setVisibility(onAction == null ? View.GONE : View.VISIBLE);
        if (onAction != null) {
            button.setText(action);
            button.setOnClickListener(clicked -> onAction.run());
        }
    }

    private void hideNotice() {
        this.<View>find(R.id.notice).setVisibility(View.GONE);
        this.<View>find(R.id.controls).setVisibility(View.VISIBLE);
    }

    private boolean hasCamera() {
        return activity.getPackageManager().hasSystemFeature(PackageManager.FEATURE_CAMERA_ANY);
    }

    private void switchCamera() {
        front = !front;
        update();
    }

    private void backToCamera() {
        picture = null;
        update();
    }

    private void start() {
        if (!preview.isAvailable()) {
            return; // the surface's listener starts the camera
        }
        try {
            choice = CameraChoice.find(activity.getSystemService(CameraManager.class), front);
        } catch (CameraAccessException error) {
            failed(error.getMessage());
            return;
        }
        if (choice == null) {
            notice(R.drawable.ic_camera_off, activity.getString(R.string.live_no_camera), 0, null);
            return;
        }
        turn();
        feed = new CameraFeed(activity, choice, preview.getSurfaceTexture(), this);
    }

    /** Turns frames and preview as the display is now. */
    private void turn() {
        frameDegrees = choice.uprightDegrees(displayDegrees());
        boolean across = frameDegrees % 180 != 0;
        shape.setPictureSize(
                across ? choice.size.getHeight() : choice.size.getWidth(),
                across ? choice.size.getWidth() : choice.size.getHeight());
        turnPreview();
    }

    private void stop() {
        CameraFeed running = feed;
        feed = null;
        if (running != null) {
            running.close();
        }
    }

    @SuppressWarnings("deprecation") // its successor is of API level 30
    private int displayDegrees() {
        switch (activity.getWindowManager().getDefaultDisplay().getRotation()) {
            case Surface.ROTATION_90:
                return 90;
            case Surface.ROTATION_180:
                return 180;
            case Surface.ROTATION_270:
                return 270;
            default:
                return 0;
        }
    }

    /**
     * A texture view turns frames upright for the natural orientation only, and fills itself with
     * them.
     */
    private void turnPreview() {
        int degrees = displayDegrees();
        float width = preview.getWidth();
        float height = preview.getHeight();
        Matrix matrix = new Matrix();
        if (degrees % 180 != 0 && width > 0 && height > 0) {
            RectF view = new RectF(0, 0, width, height);
            RectF turned = new RectF(0, 0, height, width);
            turned.offset(view.centerX() - turned.centerX(), view.centerY() - turned.centerY());
            matrix.setRectToRect(view, turned, Matrix.ScaleToFit.FILL);
        }
        matrix.postRotate(-degrees, width / 2, height / 2);
        preview.setTransform(matrix);
    }

    @Override
    public void frame(Image image) {
        if (work.busy()) {
            return; // the newest frame wins
        }
        Frame frame = Frame.ofImage(image, frameDegrees);
        CameraFeed from = feed;
        run(
                running -> SeenFrame.look(running, frame),
                seen -> {
                    if (from != null && from == feed) {
                        show(seen, choice.front);
                    }
                },
                this::say);
    }

    @Override
    public void failed(String why) {
        if (shown() && picture == null) {
            stop();
            notice(
                    R.drawable.ic_camera_off,
                    activity.getString(R.string.live_camera_failed, why),
                    R.string.live_retry,
                    this::update);
        }
    }

    private void look(Uri chosen) {
        run(
                running -> {
                    Bitmap bitmap = Pictures.read(running.context(), chosen);
                    return new Still(bitmap, SeenFrame.look(running, Frame.ofBitmap(bitmap)));
                },
                still -> {
                    if (chosen.equals(picture)) {
                        shape.setPictureSize(still.bitmap.getWidth(), still.bitmap.getHeight());
                        facesView.setPicture(still.bitmap);
                        show(still.seen, false);
                    }
                },
                this::say);
    }

    /** Boxes, names and times of a frame. */
    void show(SeenFrame seen, boolean mirrored) {
        newest = seen;
        facesView.show(seen.faces, seen.frame.width(), seen.frame.height(), mirrored);
        find.add(seen.findMs);
        recognise.add(seen.recogniseMs);
        total.add(seen.totalMs());
        latency.setText(
                String.join(
                        "\n",
                        activity.getString(
                                R.string.latency_line,
                                ms(total, 0.5),
                                ms(total, 0.9),
                                ms(total, 0.99)),
                        activity.getString(
                                R.string.latency_stages, ms(find, 0.5), ms(recognise, 0.5)),
                        activity.getString(
                                R.string.latency_device,
                                FaceSdk.kernelPath(),
                                seen.frame.width(),
                                seen.frame.height(),
                                activity.getResources()
                                        .getQuantityString(
                                                R.plurals.latency_frames,
                                                total.count(),
                                                total.count()))));
    }

    private String ms(Latency times, double share) {
        return Numbers.milliseconds(activity, times.percentile(share));
    }

    private void enrol() {
        SeenFrame seen = newest;
        if (seen == null || seen.faces.isEmpty()) {
            activity.say(activity.getString(R.string.no_face_here));
            return;
        }
        run(
                running -> EnrolActivity.intent(running, seen.frame, seen.faces.get(0).face),
                activity::startActivity,
                this::say);
    }

    private void say(String sentence) {
        if (shown()) {
            latency.setText(sentence);
        }
    }

    private static final class Still {
        final Bitmap bitmap;
        final SeenFrame seen;

        Still(Bitmap bitmap, SeenFrame seen) {
            this.bitmap = bitmap;
            this.seen = seen;
        }
    }

    /** Half a turn of the phone changes the display's rotation only: Android tells no activity. */
    private final class DisplayTurned implements DisplayManager.DisplayListener {
        @Override
        public void onDisplayAdded(int display) {}

        @Override
        public void onDisplayRemoved(int display) {}

        @Override
        public void onDisplayChanged(int display) {
            if (feed != null) {
                turn();
            }
        }
    }

    private final class SurfaceListener implements TextureView.SurfaceTextureListener {
        @Override
        public void onSurfaceTextureAvailable(SurfaceTexture texture, int width, int height) {
            if (shown() && picture == null && feed == null) {
                update();
            }
        }

        @Override
        public void onSurfaceTextureSizeChanged(SurfaceTexture texture, int width, int height) {
            turnPreview();
        }

        @Override
        public boolean onSurfaceTextureDestroyed(SurfaceTexture texture) {
            stop();
            return true;
        }

        @Override
        public void onSurfaceTextureUpdated(SurfaceTexture texture) {}
    }
}
