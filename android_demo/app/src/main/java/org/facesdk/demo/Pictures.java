package org.facesdk.demo;

import android.content.Context;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.Matrix;
import android.media.ExifInterface;
import android.net.Uri;

import org.facesdk.InputException;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;

/** Pictures that somebody chose, or the app's samples, upright and no larger than needed. */
final class Pictures {
    private static final int MOST_SIDE = 1600;
    private static final String SAMPLE_SCHEME = "sample";

    private Pictures() {}

    /** The address of a sample, which is an asset. */
    static Uri sample(String name) {
        return new Uri.Builder().scheme(SAMPLE_SCHEME).authority(name).build();
    }

    /**
     * Reads a picture; not for the main thread.
     *
     * @throws InputException it cannot be read, or it is none
     */
    static Bitmap read(Context context, Uri uri) {
        try {
            BitmapFactory.Options options = new BitmapFactory.Options();
            options.inJustDecodeBounds = true;
            try (InputStream stream = open(context, uri)) {
                BitmapFactory.decodeStream(stream, null, options);
            }
            options.inJustDecodeBounds = false;
            options.inSampleSize = 1;
            while (Math.max(options.outWidth, options.outHeight) / options.inSampleSize
                    > MOST_SIDE) {
                options.inSampleSize *= 2;
            }
            Bitmap decoded;
            try (InputStream stream = open(context, uri)) {
                decoded = BitmapFactory.decodeStream(stream, null, options);
            }
            if (decoded == null) {
                throw new InputException(context.getString(R.string.picture_unreadable));
            }
            return upright(decoded, orientation(context, uri));
        } catch (IOException | SecurityException error) {
            throw new InputException(context.getString(R.string.picture_unreadable));
        }
    }

    private static InputStream open(Context context, Uri uri) throws IOException {
        if (SAMPLE_SCHEME.equals(uri.getScheme())) {
            return context.getAssets().open("samples/" + uri.getAuthority());
        }
        InputStream stream = context.getContentResolver().openInputStream(uri);
        if (stream == null) {
            throw new FileNotFoundException(uri.toString());
        }
        return stream;
    }

    private static int orientation(Context context, Uri uri) throws IOException {
        try (InputStream stream = open(context, uri)) {
            return new ExifInterface(stream)
                    .getAttributeInt(
                            ExifInterface.TAG_ORIENTATION, ExifInterface.ORIENTATION_NORMAL);
        }
    }

    /** Turns and mirrors a picture as its Exif orientation (1 to 8) says. */
    static Bitmap upright(Bitmap picture, int orientation) {
        Matrix matrix = new Matrix();
        switch (orientation) {
            case ExifInterface.ORIENTATION_FLIP_HORIZONTAL:
                matrix.setScale(-1, 1);
                break;
            case ExifInterface.ORIENTATION_ROTATE_180:
                matrix.setRotate(180);
                break;
            case ExifInterface.ORIENTATION_FLIP_VERTICAL:
                matrix.setScale(1, -1);
                break;
            case ExifInterface.ORIENTATION_TRANSPOSE:
                matrix.setRotate(90);
                matrix.postScale(-1, 1);
                break;
            case ExifInterface.ORIENTATION_ROTATE_90:
                matrix.setRotate(90);
                break;
            case ExifInterface.ORIENTATION_TRANSVERSE:
                matrix.setRotate(270);
                matrix.postScale(-1, 1);
                break;
            case ExifInterface.ORIENTATION_ROTATE_270:
                matrix.setRotate(270);
                break;
            default:
                return picture;
        }
        return Bitmap.createBitmap(
                picture, 0, 0, picture.getWidth(), picture.getHeight(), matrix, true);
    }
}
