package org.facesdk.demo;

import android.content.Context;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.graphics.Outline;
import android.graphics.Paint;
import android.graphics.Rect;
import android.text.Layout;
import android.text.StaticLayout;
import android.text.TextPaint;
import android.util.AttributeSet;
import android.util.TypedValue;
import android.view.View;
import android.view.ViewOutlineProvider;
import android.view.accessibility.AccessibilityNodeInfo;
import android.widget.Button;

/** A place for a picture that is chosen by a tap; it shows the middle of the picture. */
public final class PictureSlot extends View {
    private static final int WIDTH = 6;
    private static final int HEIGHT = 7;
    private static final float MOST_HEIGHT_DP = 220;
    private static final float TEXT_SP = 14;
    private static final float CORNER_DP = 16;

    private final Paint paint = new Paint(Paint.FILTER_BITMAP_FLAG);
    private final TextPaint text = new TextPaint(Paint.ANTI_ALIAS_FLAG);
    private final Rect source = new Rect();
    private final Rect target = new Rect();
    private Bitmap picture;

    public PictureSlot(Context context, AttributeSet attributes) {
        super(context, attributes);
        setBackgroundResource(R.drawable.slot);
        setClickable(true);
        setFocusable(true);
        setClipToOutline(true);
        float corner = pixels(TypedValue.COMPLEX_UNIT_DIP, CORNER_DP);
        setOutlineProvider(
                new ViewOutlineProvider() {
                    @Override
                    public void getOutline(View view, Outline outline) {
                        outline.setRoundRect(0, 0, view.getWidth(), view.getHeight(), corner);
                    }
                });
        text.setTextSize(pixels(TypedValue.COMPLEX_UNIT_SP, TEXT_SP));
        text.setColor(context.getColor(R.color.on_surface_quiet));
    }

    /** The picture to show; null for the invitation to choose one. */
    void setPicture(Bitmap shown) {
        picture = shown;
        invalidate();
    }

    @Override
    protected void onMeasure(int widthSpec, int heightSpec) {
        int width = MeasureSpec.getSize(widthSpec);
        int most = (int) pixels(TypedValue.COMPLEX_UNIT_DIP, MOST_HEIGHT_DP);
        setMeasuredDimension(width, Math.min(width * HEIGHT / WIDTH, most));
    }

    @Override
    protected void onDraw(Canvas canvas) {
        if (picture == null) {
            drawInvitation(canvas);
            return;
        }
        int width = Math.min(picture.getWidth(), picture.getHeight() * getWidth() / getHeight());
        int height = Math.min(picture.getHeight(), picture.getWidth() * getHeight() / getWidth());
        int left = (picture.getWidth() - width) / 2;
        int top = (picture.getHeight() - height) / 2;
        source.set(left, top, left + width, top + height);
        target.set(0, 0, getWidth(), getHeight());
        canvas.drawBitmap(picture, source, target, paint);
    }

    private void drawInvitation(Canvas canvas) {
        String words = getContext().getString(R.string.verify_empty);
        StaticLayout layout =
                StaticLayout.Builder.obtain(
                                words, 0, words.length(), text, Math.max(1, getWidth() - 32))
                        .setAlignment(Layout.Alignment.ALIGN_CENTER)
                        .build();
        canvas.save();
        canvas.translate(16, (getHeight() - layout.getHeight()) / 2f);
        layout.draw(canvas);
        canvas.restore();
    }

    @Override
    public void onInitializeAccessibilityNodeInfo(AccessibilityNodeInfo info) {
        super.onInitializeAccessibilityNodeInfo(info);
        info.setClassName(Button.class.getName());
    }

    private float pixels(int unit, float value) {
        return TypedValue.applyDimension(unit, value, getResources().getDisplayMetrics());
    }
}
