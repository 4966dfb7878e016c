package org.facesdk.demo;

import android.content.Context;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.graphics.Paint;
import android.graphics.RectF;
import android.graphics.Typeface;
import android.util.AttributeSet;
import android.util.TypedValue;
import android.view.View;

import org.facesdk.Face;

import java.util.Collections;
import java.util.List;
import java.util.Locale;

/** Draws boxes and names over a picture, or over the camera's preview. */
public final class FacesView extends View {
    private static final float CORNER_DP = 10;
    private static final float LINE_DP = 2.5f;
    private static final float TEXT_SP = 14;

    private final Paint line = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final Paint plate = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final Paint text = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final Paint picturePaint = new Paint(Paint.FILTER_BITMAP_FLAG);
    private final RectF box = new RectF();
    private List<SeenFace> faces = Collections.emptyList();
    private int frameWidth = 1;
    private int frameHeight = 1;
    private boolean mirrored;
    private Bitmap picture;

    public FacesView(Context context, AttributeSet attributes) {
        super(context, attributes);
        line.setStyle(Paint.Style.STROKE);
        line.setStrokeWidth(pixels(TypedValue.COMPLEX_UNIT_DIP, LINE_DP));
        text.setTextSize(pixels(TypedValue.COMPLEX_UNIT_SP, TEXT_SP));
        text.setTypeface(Typeface.create("sans-serif-medium", Typeface.NORMAL));
        text.setColor(context.getColor(R.color.stage));
    }

    /** The picture beneath the boxes; null where the camera's preview is. */
    void setPicture(Bitmap shown) {
        picture = shown;
        invalidate();
    }

    /** Boxes for a frame; a front camera's preview is a mirror, so its boxes are mirrored too. */
    void show(List<SeenFace> seen, int width, int height, boolean mirror) {
        faces = seen;
        frameWidth = width;
        frameHeight = height;
        mirrored = mirror;
        setContentDescription(describe());
        invalidate();
    }

    /** Nothing but the picture. */
    void clear() {
        show(Collections.emptyList(), 1, 1, false);
    }

    private String describe() {
        if (faces.isEmpty()) {
            return getContext().getString(R.string.live_no_face);
        }
        StringBuilder said =
                new StringBuilder(
                        getResources()
                                .getQuantityString(
                                        R.plurals.live_faces, faces.size(), faces.size()));
        for (SeenFace seen : faces) {
            said.append(", ")
                    .append(
                            seen.name == null
                                    ? getContext().getString(R.string.face_unknown)
                                    : seen.name);
        }
        return said.toString();
    }

    @Override
    protected void onDraw(Canvas canvas) {
        if (picture != null) {
            box.set(0, 0, getWidth(), getHeight());
            canvas.drawBitmap(picture, null, box, picturePaint);
        }
        float scaleX = (float) getWidth() / frameWidth;
        float scaleY = (float) getHeight() / frameHeight;
        for (SeenFace seen : faces) {
            Face face = seen.face;
            float left = mirrored ? frameWidth - face.right() : face.left();
            box.set(
                    left * scaleX,
                    face.top() * scaleY,
                    (left + face.width()) * scaleX,
                    face.bottom() * scaleY);
            drawFace(canvas, seen);
        }
    }

    private void drawFace(Canvas canvas, SeenFace seen) {
        int color =
                getContext().getColor(seen.name == null ? R.color.box_unknown : R.color.box_known);
        line.setColor(color);
        plate.setColor(color);
        float corner = pixels(TypedValue.COMPLEX_UNIT_DIP, CORNER_DP);
        canvas.drawRoundRect(box, corner, corner, line);
        String label =
                seen.name == null
                        ? getContext().getString(R.string.face_unknown)
                        : String.format(
                                locale(),
                                getContext().getString(R.string.face_known),
                                seen.name,
                                seen.similarity);
        float padding = corner / 2;
        float height = text.getFontSpacing() + padding;
        float width = Math.min(text.measureText(label) + 2 * corner, getWidth());
        float left = Math.max(0, Math.min(box.left, getWidth() - width));
        float top =
                box.top >= height + padding
                        ? box.top - height - padding
                        : Math.min(box.bottom + padding, getHeight() - height);
        box.set(left, top, left + width, top + height);
        canvas.drawRoundRect(box, corner, corner, plate);
        canvas.save();
        canvas.clipRect(box);
        canvas.drawText(label, left + corner, top + padding / 2 - text.getFontMetrics().top, text);
        canvas.restore();
    }

    private Locale locale() {
        return getResources().getConfiguration().getLocales().get(0);
    }

    private float pixels(int unit, float value) {
        return TypedValue.applyDimension(unit, value, getResources().getDisplayMetrics());
    }
}
