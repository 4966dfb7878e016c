package org.facesdk.demo;

import android.content.Context;
import android.util.AttributeSet;
import android.widget.FrameLayout;

/**
 * As large as fits with the shape of a picture, so that its children cover the picture and nothing
 * else.
 */
public final class AspectLayout extends FrameLayout {
    private int pictureWidth = 3;
    private int pictureHeight = 4;

    public AspectLayout(Context context, AttributeSet attributes) {
        super(context, attributes);
    }

    void setPictureSize(int width, int height) {
        if (width != pictureWidth || height != pictureHeight) {
            pictureWidth = width;
            pictureHeight = height;
            requestLayout();
        }
    }

    @Override
    protected void onMeasure(int widthSpec, int heightSpec) {
        long width = MeasureSpec.getSize(widthSpec);
        long height = MeasureSpec.getSize(heightSpec);
        if (width * pictureHeight > height * pictureWidth) {
            width = height * pictureWidth / pictureHeight;
        } else {
            height = width * pictureHeight / pictureWidth;
        }
        super.onMeasure(
                MeasureSpec.makeMeasureSpec((int) width, MeasureSpec.EXACTLY),
                MeasureSpec.makeMeasureSpec((int) height, MeasureSpec.EXACTLY));
    }
}
