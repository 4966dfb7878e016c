package org.facesdk.demo;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNotSame;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;

import android.Manifest;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.graphics.Bitmap;
import android.graphics.Matrix;
import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraManager;
import android.os.Bundle;
import android.provider.Settings;
import android.view.Surface;
import android.view.TextureView;
import android.view.View;
import android.widget.TextView;

import org.facesdk.Frame;
import org.junit.Test;
import org.robolectric.Robolectric;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowActivity;
import org.robolectric.shadows.ShadowApplication;
import org.robolectric.shadows.ShadowCameraCharacteristics;
import org.robolectric.shadows.ShadowCameraManager;
import org.robolectric.shadows.ShadowDisplay;
import org.robolectric.shadows.ShadowLooper;
import org.robolectric.shadows.ShadowPackageManager;
import org.robolectric.shadows.StreamConfigurationMapBuilder;

/**
 * The live screen without a camera, without the permission, with pictures; rotated, and after the
 * process was ended.
 */
public final class LiveTest extends OnHost {
    private static final int LIVE = 0;

    @Test
    public void withoutCameraAPictureIsOffered() {
        try (ActivityController<MainActivity> controller =
                Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity activity = controller.get();
            assertEquals(
                    activity.getString(R.string.live_no_camera), text(activity, R.id.notice_text));
            assertEquals(View.GONE, activity.findViewById(R.id.notice_action).getVisibility());
            activity.findViewById(R.id.notice_pick).performClick();
            Intent asked = shadow(activity).getNextStartedActivity();
            assertEquals(Intent.ACTION_OPEN_DOCUMENT, asked.getAction());
            assertEquals("image/*", asked.getType());
        }
    }

    @Test
    public void thePermissionIsAskedForThenExplainedThenSettingsAreOffered() {
        camera(true);
        try (ActivityController<MainActivity> controller =
                Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity activity = controller.get();
            assertEquals(
                    activity.getString(R.string.live_needs_camera),
                    text(activity, R.id.notice_text));
            activity.findViewById(R.id.notice_action).performClick();
            assertEquals(
                    Manifest.permission.CAMERA,
                    shadow(activity).getLastRequestedPermission().requestedPermissions[0]);

            activity.onRequestPermissionsResult(1, new String[0], new int[0]);
            assertEquals(
                    "a request that was cancelled",
                    activity.getString(R.string.live_needs_camera),
                    text(activity, R.id.notice_text));

            rationale(activity, true);
            answer(activity, PackageManager.PERMISSION_DENIED);
            assertEquals(
                    activity.getString(R.string.live_denied), text(activity, R.id.notice_text));
            assertEquals(
                    activity.getString(R.string.live_allow), text(activity, R.id.notice_action));

            rationale(activity, false);
            answer(activity, PackageManager.PERMISSION_DENIED);
            assertEquals(
                    activity.getString(R.string.live_settings), text(activity, R.id.notice_action));
            activity.findViewById(R.id.notice_action).performClick();
            assertEquals(
                    Settings.ACTION_APPLICATION_DETAILS_SETTINGS,
                    shadow(activity).getNextStartedActivity().getAction());
        }
    }

    @Test
    public void withThePermissionTheNoticeGoes() {
        camera(true);
        try (ActivityController<MainActivity> controller =
                Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity activity = controller.get();
            assertEquals(View.VISIBLE, activity.findViewById(R.id.notice).getVisibility());
            ShadowApplication application = Shadow.extract(RuntimeEnvironment.getApplication());
            application.grantPermissions(Manifest.permission.CAMERA);
            answer(activity, PackageManager.PERMISSION_GRANTED);
            assertEquals(View.GONE, activity.findViewById(R.id.notice).getVisibility());
            assertEquals(View.VISIBLE, activity.findViewById(R.id.switch_camera).getVisibility());
        }
    }

    @Test
    public void aPictureShowsFacesNamesAndTimes() throws Exception {
        try (ActivityController<MainActivity> controller =
                Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity activity = controller.get();
            enrol(activity, "obama2.jpg", "Barack");
            activity.screen(LIVE).picked(1, Pictures.sample("obama.jpg"));
            settle(activity);
            CharSequence said = activity.findViewById(R.id.faces).getContentDescription();
            assertEquals("1 face, Barack", said.toString());
            assertTrue(
                    text(activity, R.id.latency),
                    text(activity, R.id.latency).matches("(?s).* kernels .* 1 frame"));
            ((TextView) activity.findViewById(R.id.latency))
                    .setText(
                            "24 ms median · 26 p90 · 31 p99\n"
                                    + "find 18 · recognise 6 ms\n"
                                    + "neon kernels · 910×1137 · 1 frame");
            settle(activity);
            picture(activity, "live-picture");

            Bundle saved = end(controller);
            endProcess();
            try (ActivityController<MainActivity> next =
                    Robolectric.buildActivity(MainActivity.class).setup(saved)) {
                settle(next.get());
                assertEquals(
                        "1 face, Barack",
                        next.get().findViewById(R.id.faces).getContentDescription().toString());
                next.get().findViewById(R.id.back_to_camera).performClick();
                assertEquals(View.VISIBLE, next.get().findViewById(R.id.notice).getVisibility());
            }
        }
    }

    @Test
    public void theLargestFaceGoesToEnrolment() throws Exception {
        try (ActivityController<MainActivity> controller =
                Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity activity = controller.get();
            activity.screen(LIVE).picked(1, Pictures.sample("obama.jpg"));
            settle(activity);
            activity.findViewById(R.id.enrol).performClick();
            settle(activity);
            Intent started = shadow(activity).getNextStartedActivity();
            assertNotNull(started);
            assertEquals(EnrolActivity.class.getName(), started.getComponent().getClassName());
        }
    }

    @Test
    public void rotatingKeepsThePicture() throws Exception {
        try (ActivityController<MainActivity> controller =
                Robolectric.buildActivity(MainActivity.class).setup()) {
            controller.get().screen(LIVE).picked(1, Pictures.sample("obama.jpg"));
            settle(controller.get());
            RuntimeEnvironment.setQualifiers("+w720dp-h360dp-land");
            controller.configurationChange();
            settle(controller.get());
            assertTrue(
                    controller
                            .get()
                            .findViewById(R.id.faces)
                            .getContentDescription()
                            .toString()
                            .startsWith("1 face"));
        }
    }

    @Test
    public void camerasAreChosenBySideAndTheirFramesTurnedUpright() throws Exception {
        ShadowCameraManager cameras = twoCameras();
        CameraManager manager =
                RuntimeEnvironment.getApplication().getSystemService(CameraManager.class);
        CameraChoice back = CameraChoice.find(manager, false);
        CameraChoice front = CameraChoice.find(manager, true);
        assertEquals("back", back.id);
        assertEquals("selfie", front.id);
        assertFalse(back.front);
        int[][] expected = {{0, 90, 270}, {90, 0, 0}, {180, 270, 90}, {270, 180, 180}};
        for (int[] row : expected) {
            assertEquals(row[1], back.uprightDegrees(row[0]));
            assertEquals(row[2], front.uprightDegrees(row[0]));
        }
        cameras.removeCamera("back");
        assertEquals("selfie", CameraChoice.find(manager, false).id);
        cameras.removeCamera("selfie");
        assertEquals(null, CameraChoice.find(manager, false));
    }

    @Test
    public void halfATurnTurnsFramesAndPreview() {
        RuntimeEnvironment.setQualifiers("+w720dp-h360dp-land");
        try (ActivityController<MainActivity> controller = withCameras()) {
            MainActivity activity = controller.get();
            LiveScreen screen = (LiveScreen) activity.screen(LIVE);
            ShadowDisplay display = Shadow.extract(activity.getWindowManager().getDefaultDisplay());
            display.setRotation(Surface.ROTATION_90);
            startCamera(activity);
            assertEquals(0, screen.frameDegrees);
            Matrix before = previewOf(activity).getTransform(null);
            display.setRotation(Surface.ROTATION_270);
            ShadowLooper.idleMainLooper();
            assertEquals("the front camera's", 180, screen.frameDegrees);
            Matrix after = previewOf(activity).getTransform(null);
            before.postRotate(
                    180, previewOf(activity).getWidth() / 2f, previewOf(activity).getHeight() / 2f);
            float[] expected = new float[9];
            float[] found = new float[9];
            before.getValues(expected);
            after.getValues(found);
            assertArrayEquals(expected, found, 1e-3f);
            controller.pause();
            display.setRotation(Surface.ROTATION_90);
            ShadowLooper.idleMainLooper();
            assertEquals("nobody looks", 180, screen.frameDegrees);
        }
    }

    @Test
    public void aClosedCameraThatFailsLeavesTheNextAlone() {
        try (ActivityController<MainActivity> controller = withCameras()) {
            MainActivity activity = controller.get();
            LiveScreen screen = (LiveScreen) activity.screen(LIVE);
            startCamera(activity);
            CameraFeed old = screen.feed;
            old.fail("on its way while the camera is switched");
            activity.findViewById(R.id.switch_camera).performClick();
            CameraFeed next = screen.feed;
            old.fail("later");
            ShadowLooper.idleMainLooper();
            assertSame(next, screen.feed);
            assertNotSame(old, next);
            assertEquals(View.GONE, activity.findViewById(R.id.notice).getVisibility());
            next.fail("error 1");
            ShadowLooper.idleMainLooper();
            assertNull(screen.feed);
            assertEquals(
                    activity.getString(R.string.live_camera_failed, "error 1"),
                    text(activity, R.id.notice_text));
        }
    }

    /** The live screen of a phone with two cameras that the app may use. */
    private static ActivityController<MainActivity> withCameras() {
        camera(true);
        twoCameras();
        ShadowApplication application = Shadow.extract(RuntimeEnvironment.getApplication());
        application.grantPermissions(Manifest.permission.CAMERA);
        return Robolectric.buildActivity(MainActivity.class).setup();
    }

    private static ShadowCameraManager twoCameras() {
        ShadowCameraManager cameras =
                Shadow.extract(
                        RuntimeEnvironment.getApplication().getSystemService(CameraManager.class));
        cameras.addCamera("back", facts(CameraCharacteristics.LENS_FACING_BACK, 90));
        cameras.addCamera("selfie", facts(CameraCharacteristics.LENS_FACING_FRONT, 270));
        return cameras;
    }

    private static TextureView previewOf(MainActivity activity) {
        return (TextureView) activity.findViewById(R.id.preview);
    }

    private static void startCamera(MainActivity activity) {
        TextureView preview = previewOf(activity);
        preview.setSurfaceTexture(new SurfaceTexture(0));
        preview.getSurfaceTextureListener()
                .onSurfaceTextureAvailable(preview.getSurfaceTexture(), 640, 480);
        ShadowLooper.idleMainLooper();
    }

    /** Enrols the face of a sample as {@link EnrolActivity} does. */
    static void enrol(MainActivity activity, String sample, String name) throws Exception {
        FaceWork.of(activity)
                .run(
                        work -> {
                            Bitmap bitmap = Pictures.read(work.context(), Pictures.sample(sample));
                            Frame frame = Frame.ofBitmap(bitmap);
                            return work.gallery().enrol(name, work.engine().embed(frame), 1.0);
                        },
                        template -> {},
                        message -> {
                            throw new AssertionError(message);
                        });
        settle(activity);
    }

    static String text(MainActivity activity, int id) {
        return ((TextView) activity.findViewById(id)).getText().toString();
    }

    static ShadowActivity shadow(MainActivity activity) {
        return Shadow.extract(activity);
    }

    private static void camera(boolean there) {
        ShadowPackageManager packages =
                Shadow.extract(RuntimeEnvironment.getApplication().getPackageManager());
        packages.setSystemFeature(PackageManager.FEATURE_CAMERA_ANY, there);
    }

    private static void rationale(MainActivity activity, boolean shown) {
        ShadowPackageManager packages = Shadow.extract(activity.getPackageManager());
        packages.setShouldShowRequestPermissionRationale(Manifest.permission.CAMERA, shown);
    }

    private static void answer(MainActivity activity, int result) {
        activity.onRequestPermissionsResult(
                1, new String[] {Manifest.permission.CAMERA}, new int[] {result});
    }

    private static CameraCharacteristics facts(int facing, int degrees) {
        CameraCharacteristics facts = ShadowCameraCharacteristics.newCameraCharacteristics();
        ShadowCameraCharacteristics shadow = Shadow.extract(facts);
        shadow.set(CameraCharacteristics.LENS_FACING, facing);
        shadow.set(CameraCharacteristics.SENSOR_ORIENTATION, degrees);
        shadow.set(
                CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP,
                StreamConfigurationMapBuilder.newBuilder()
                        .addOutputSize(
                                android.graphics.ImageFormat.YUV_420_888,
                                new android.util.Size(1280, 720))
                        .addOutputSize(
                                android.graphics.ImageFormat.YUV_420_888,
                                new android.util.Size(640, 480))
                        .build());
        return facts;
    }
}
