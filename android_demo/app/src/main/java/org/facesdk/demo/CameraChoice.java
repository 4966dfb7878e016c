package org.facesdk.demo;

import android.graphics.ImageFormat;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.params.StreamConfigurationMap;
import android.util.Size;

/** A camera, and the size of its frames. */
final class CameraChoice {
    private static final int WANTED_WIDTH = 640;
    private static final int WANTED_HEIGHT = 480;

    final String id;
    final boolean front;

    /**
     * Degrees by which its frames must be turned clockwise to be upright in the device's natural
     * orientation.
     */
    final int sensorDegrees;

    /** Size of frames, before they are turned. */
    final Size size;

    private CameraChoice(String id, boolean front, int sensorDegrees, Size size) {
        this.id = id;
        this.front = front;
        this.sensorDegrees = sensorDegrees;
        this.size = size;
    }

    /**
     * The camera on the wanted side, else the one there is.
     *
     * @return null if the device has none that gives YUV frames
     */
    static CameraChoice find(CameraManager manager, boolean front) throws CameraAccessException {
        CameraChoice other = null;
        for (String id : manager.getCameraIdList()) {
            CameraCharacteristics facts = manager.getCameraCharacteristics(id);
            Size size = size(facts.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP));
            if (size == null) {
                continue;
            }
            Integer facing = facts.get(CameraCharacteristics.LENS_FACING);
            Integer degrees = facts.get(CameraCharacteristics.SENSOR_ORIENTATION);
            boolean isFront = facing != null && facing == CameraCharacteristics.LENS_FACING_FRONT;
            CameraChoice found = new CameraChoice(id, isFront, degrees == null ? 0 : degrees, size);
            if (isFront == front) {
                return found;
            }
            other = other == null ? found : other;
        }
        return other;
    }

    /** The size nearest to 640x480 of those with its shape, else the nearest of all. */
    private static Size size(StreamConfigurationMap map) {
        Size[] sizes = map == null ? null : map.getOutputSizes(ImageFormat.YUV_420_888);
        Size best = null;
        if (sizes != null) {
            for (Size size : sizes) {
                if (best == null || distance(size) < distance(best)) {
                    best = size;
                }
            }
        }
        return best;
    }

    private static long distance(Size size) {
        long pixels =
                Math.abs(
                        (long) size.getWidth() * size.getHeight()
                                - (long) WANTED_WIDTH * WANTED_HEIGHT);
        boolean shape = size.getWidth() * WANTED_HEIGHT == size.getHeight() * WANTED_WIDTH;
        return shape ? pixels : pixels + Integer.MAX_VALUE;
    }

    /**
     * Degrees by which a frame must be turned clockwise to be upright.
     *
     * @param displayDegrees by how much the display is turned from its natural orientation,
     *     counter-clockwise
     */
    int uprightDegrees(int displayDegrees) {
        int degrees = front ? sensorDegrees + displayDegrees : sensorDegrees - displayDegrees;
        return (degrees % 360 + 360) % 360;
    }
}
