package org.facesdk;

import java.text.Normalizer;
import java.util.Locale;

/** Names of people, by the rules of Python's {@code facesdk.gallery.values}. */
final class Names {
    /** Most characters of a name. */
    static final int LONGEST = 200;

    private static final int NEXT_LINE = 0x85;

    private Names() {}

    /** A name or id in Unicode's composed form (NFC), without blanks of any script around it. */
    static String normal(String name) {
        String composed = Normalizer.normalize(name, Normalizer.Form.NFC);
        int start = 0;
        int end = composed.length();
        while (start < end && blank(composed.codePointAt(start))) {
            ++start;
        }
        while (end > start && blank(composed.codePointBefore(end))) {
            --end;
        }
        return composed.substring(start, end);
    }

    /**
     * A name as it is stored, see {@link #normal}.
     *
     * @throws InputException it is empty, too long, or has a character that cannot be seen
     */
    static String checked(String name) {
        String found = normal(name);
        if (found.isEmpty()) {
            throw new InputException("a person needs a name, but got an empty one");
        }
        int count = found.codePointCount(0, found.length());
        if (count > LONGEST) {
            throw new InputException(
                    "a name has " + LONGEST + " characters at most, but got " + count);
        }
        for (int i = 0; i < found.length(); i += Character.charCount(found.codePointAt(i))) {
            int type = Character.getType(found.codePointAt(i));
            if (type == Character.CONTROL || type == Character.SURROGATE) {
                throw new InputException(
                        String.format(
                                Locale.ROOT,
                                "a name has no control characters, but got U+%04X",
                                found.codePointAt(i)));
            }
        }
        return found;
    }

    /** What Python's {@code str.strip} removes; all of it is in the Basic Multilingual Plane. */
    private static boolean blank(int character) {
        return Character.isWhitespace(character)
                || Character.isSpaceChar(character)
                || character == NEXT_LINE;
    }
}
