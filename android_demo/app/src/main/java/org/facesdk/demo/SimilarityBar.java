package org.facesdk.demo;

import android.content.Context;
import android.graphics.Canvas;
import android.graphics.Paint;
import android.util.AttributeSet;
import android.util.TypedValue;
import android.view.View;

/** A similarity from 0 to 1 as a bar, with a mark where two faces begin to count as one person. */
public final class SimilarityBar extends View {
    private static final float BAR_DP = 10;
    private static final float MARK_DP = 3;

    private final Paint paint = new Paint(Paint.ANTI_ALIAS_FLAG);
    private double similarity;
    private double threshold;

    public SimilarityBar(Context context, AttributeSet attributes) {
        super(context, attributes);
    }

    void show(double found, double needed) {
        similarity = found;
        threshold = needed;
        invalidate();
    }

    @Override
    protected void onDraw(Canvas canvas) {
        if (getLayoutDirection() == LAYOUT_DIRECTION_RTL) {
            canvas.scale(-1, 1, getWidth() / 2f, 0);
        }
        float bar = pixels(BAR_DP);
        float top = (getHeight() - bar) / 2;
        paint.setColor(getContext().getColor(R.color.bar));
        canvas.drawRoundRect(0, top, getWidth(), top + bar, bar / 2, bar / 2, paint);
        paint.setColor(getContext().getColor(similarity >= threshold ? R.color.good : R.color.bad));
        float end = (float) Math.max(bar / getWidth(), Math.min(1, similarity)) * getWidth();
        canvas.drawRoundRect(0, top, end, top + bar, bar / 2, bar / 2, paint);
        paint.setColor(getContext().getColor(R.color.on_surface));
        float at = (float) Math.max(0, Math.min(1, threshold)) * getWidth();
        float half = pixels(MARK_DP) / 2;
        canvas.drawRoundRect(at - half, 0, at + half, getHeight(), half, half, paint);
    }

    private float pixels(float dp) {
        return TypedValue.applyDimension(
                TypedValue.COMPLEX_UNIT_DIP, dp, getResources().getDisplayMetrics());
    }
}
