package org.facesdk.demo;

import android.content.Context;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What to do about a picture that is not good enough, in the user's language. */
final class Hints {
    private static final Map<String, Integer> HINTS = new LinkedHashMap<>();

    static {
        HINTS.put("the face is small", R.string.hint_small);
        HINTS.put("the face is blurred", R.string.hint_blurred);
        HINTS.put("the face is dark", R.string.hint_dark);
        HINTS.put("the face has no contrast", R.string.hint_contrast);
        HINTS.put("the face is noisy", R.string.hint_noisy);
        HINTS.put("a pattern lies over the face", R.string.hint_pattern);
        HINTS.put("the face is overexposed", R.string.hint_bright);
        HINTS.put("the eyes are covered", R.string.hint_eyes);
        HINTS.put("the mouth is covered", R.string.hint_mouth);
        HINTS.put("the face is seen from the side", R.string.hint_side);
        HINTS.put("the face looks far up or down", R.string.hint_up_down);
        HINTS.put("this may be no face", R.string.hint_no_face);
    }

    private Hints() {}

    /**
     * A line for each reason; one that is new here stays as the library says it.
     *
     * @param reasons those of a quality: the floor, then the measure and what it must be
     */
    static String of(Context context, String... reasons) {
        List<String> lines = new ArrayList<>();
        for (String reason : reasons) {
            lines.add(line(context, reason));
        }
        return String.join("\n", lines);
    }

    private static String line(Context context, String reason) {
        for (Map.Entry<String, Integer> hint : HINTS.entrySet()) {
            if (reason.startsWith(hint.getKey())) {
                return context.getString(hint.getValue());
            }
        }
        return reason;
    }
}
