package org.facesdk.demo;

import android.content.Context;

import java.text.NumberFormat;
import java.util.Locale;

/** Numbers as people of a language write them. */
final class Numbers {
    private static final double SMALL = 10;

    private Numbers() {}

    /** Milliseconds: one digit after the point below 10, none from there on. */
    static String milliseconds(Context context, double value) {
        NumberFormat format = NumberFormat.getNumberInstance(locale(context));
        int digits = value < SMALL ? 1 : 0;
        format.setMinimumFractionDigits(digits);
        format.setMaximumFractionDigits(digits);
        return format.format(value);
    }

    /** A whole number. */
    static String whole(Context context, long value) {
        return NumberFormat.getIntegerInstance(locale(context)).format(value);
    }

    private static Locale locale(Context context) {
        return context.getResources().getConfiguration().getLocales().get(0);
    }
}
