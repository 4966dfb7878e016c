package org.facesdk.demo;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;

import android.graphics.Bitmap;
import android.media.ExifInterface;

import org.facesdk.Frame;
import org.junit.Test;

import java.nio.ByteBuffer;

/** Bitmaps become frames of their colours, and photos are turned as their Exif orientation says. */
public final class PicturesTest extends OnHost {
    private static final int RED = 0xffc01020;
    private static final int BLUE = 0xff1030d0;
    private static final int HALF_GREEN = 0x8000ff00;
    private static final int NOTHING = 0x00ffffff;

    @Test
    public void aFrameHasTheColoursOfItsBitmap() {
        Bitmap bitmap =
                Bitmap.createBitmap(
                        new int[] {RED, BLUE, HALF_GREEN, NOTHING, BLUE, RED},
                        3,
                        2,
                        Bitmap.Config.ARGB_8888);
        ByteBuffer rgb = Frame.ofBitmap(bitmap).rgb();
        byte[] found = new byte[rgb.remaining()];
        rgb.get(found);
        int[] expected = {
            0xc0, 0x10, 0x20, 0x10, 0x30, 0xd0, 0, 0x80, 0, 0, 0, 0, 0x10, 0x30, 0xd0, 0xc0, 0x10,
            0x20
        };
        int[] values = new int[found.length];
        for (int i = 0; i < found.length; ++i) {
            values[i] = found[i] & 0xff;
        }
        assertArrayEquals(expected, values);
    }

    /**
     * Where the top left pixel of a stored picture of 2x1 goes, from the table of the Exif
     * standard.
     */
    @Test
    public void everyExifOrientationIsTurnedUpright() {
        int[][] expected = { // orientation, width, height, index of the first stored pixel
            {ExifInterface.ORIENTATION_NORMAL, 2, 1, 0},
            {ExifInterface.ORIENTATION_FLIP_HORIZONTAL, 2, 1, 1},
            {ExifInterface.ORIENTATION_ROTATE_180, 2, 1, 1},
            {ExifInterface.ORIENTATION_FLIP_VERTICAL, 2, 1, 0},
            {ExifInterface.ORIENTATION_TRANSPOSE, 1, 2, 0},
            {ExifInterface.ORIENTATION_ROTATE_90, 1, 2, 0},
            {ExifInterface.ORIENTATION_TRANSVERSE, 1, 2, 1},
            {ExifInterface.ORIENTATION_ROTATE_270, 1, 2, 1},
        };
        for (int[] row : expected) {
            Bitmap stored =
                    Bitmap.createBitmap(new int[] {RED, BLUE}, 2, 1, Bitmap.Config.ARGB_8888);
            Bitmap upright = Pictures.upright(stored, row[0]);
            assertEquals("width for " + row[0], row[1], upright.getWidth());
            assertEquals("height for " + row[0], row[2], upright.getHeight());
            int x = row[1] == 2 ? row[3] : 0;
            int y = row[1] == 2 ? 0 : row[3];
            assertEquals("first pixel for " + row[0], RED, upright.getPixel(x, y));
        }
    }
}
