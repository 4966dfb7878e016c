package org.facesdk.demo;

import android.annotation.SuppressLint;
import android.content.Context;
import android.graphics.ImageFormat;
import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CaptureRequest;
import android.media.Image;
import android.media.ImageReader;
import android.os.Handler;
import android.os.HandlerThread;
import android.os.Looper;
import android.view.Surface;

import java.util.Arrays;

/** Frames of a camera, on a thread of their own, and its preview on a surface. */
final class CameraFeed implements AutoCloseable {
    private static final int IMAGES = 3;

    /** Who gets the frames. */
    interface Receiver {
        /** A frame, on the camera's thread; it is closed when the method returns. */
        void frame(Image image);

        /** The camera does not answer, or stopped to; on the main thread, not after a close. */
        void failed(String why);
    }

    private final Receiver receiver;
    private final CameraChoice choice;
    private final Surface preview;
    private final HandlerThread thread = new HandlerThread("camera");
    private final Handler main = new Handler(Looper.getMainLooper());
    private final ImageReader reader;
    private final Handler handler;
    private CameraDevice device;
    private boolean closed;

    /** Opens a camera; the permission must have been given. */
    @SuppressLint("MissingPermission")
    CameraFeed(Context context, CameraChoice choice, SurfaceTexture texture, Receiver receiver) {
        this.receiver = receiver;
        this.choice = choice;
        texture.setDefaultBufferSize(choice.size.getWidth(), choice.size.getHeight());
        preview = new Surface(texture);
        thread.start();
        handler = new Handler(thread.getLooper());
        reader =
                ImageReader.newInstance(
                        choice.size.getWidth(),
                        choice.size.getHeight(),
                        ImageFormat.YUV_420_888,
                        IMAGES);
        reader.setOnImageAvailableListener(this::take, handler);
        try {
            context.getSystemService(CameraManager.class)
                    .openCamera(choice.id, new Opened(), handler);
        } catch (CameraAccessException | SecurityException | IllegalArgumentException error) {
            fail(error.getMessage());
        }
    }

    private void take(ImageReader from) {
        try (Image image = from.acquireLatestImage()) {
            if (image != null && !closed()) {
                receiver.frame(image);
            }
        }
    }

    /** Tells the receiver, which wants to hear nothing of a feed that it has closed. */
    void fail(String why) {
        main.post(
                () -> {
                    if (!closed()) {
                        receiver.failed(String.valueOf(why));
                    }
                });
    }

    private synchronized boolean closed() {
        return closed;
    }

    /** Stops; the camera is free for others at once. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            if (device != null) {
                device.close();
            }
            device = null;
        }
        handler.post(
                () -> { // after the frame that is being taken
                    reader.close();
                    preview.release();
                });
        thread.quitSafely();
    }

    private final class Opened extends CameraDevice.StateCallback {
        @Override
        public void onOpened(CameraDevice camera) {
            synchronized (CameraFeed.this) {
                if (closed) {
                    camera.close();
                    return;
                }
                device = camera;
                start(camera);
            }
        }

        @SuppressWarnings("deprecation") // its successor is of API level 28
        private void start(CameraDevice camera) {
            try {
                camera.createCaptureSession(
                        Arrays.asList(preview, reader.getSurface()), new Started(camera), handler);
            } catch (CameraAccessException | IllegalStateException error) {
                fail(error.getMessage());
            }
        }

        @Override
        public void onDisconnected(CameraDevice camera) {
            camera.close();
            fail("disconnected");
        }

        @Override
        public void onError(CameraDevice camera, int error) {
            camera.close();
            fail("error " + error);
        }
    }

    private final class Started extends CameraCaptureSession.StateCallback {
        private final CameraDevice camera;

        Started(CameraDevice camera) {
            this.camera = camera;
        }

        @Override
        public void onConfigured(CameraCaptureSession session) {
            try {
                CaptureRequest.Builder request =
                        camera.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW);
                request.addTarget(preview);
                request.addTarget(reader.getSurface());
                request.set(
                        CaptureRequest.CONTROL_AF_MODE,
                        CaptureRequest.CONTROL_AF_MODE_CONTINUOUS_VIDEO);
                session.setRepeatingRequest(request.build(), null, handler);
            } catch (CameraAccessException | IllegalStateException error) {
                fail(error.getMessage());
            }
        }

        @Override
        public void onConfigureFailed(CameraCaptureSession session) {
            fail(choice.id);
        }
    }
}
