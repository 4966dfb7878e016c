package org.facesdk;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;

import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.Timeout;

import java.security.GeneralSecurityException;
import java.util.Arrays;

import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

/**
 * What a gallery is made of, but for Android's SQLite: encryption, names, and which similarity
 * gives a name.
 */
public final class GalleryPartsTest {
    private static final int COMPARED = 250;
    private static final byte[] CONTENT = {1, 2, 3, 4, 5};

    @Rule public final Timeout timeout = Timeout.seconds(60);

    private static SecretKey key(int fill) {
        byte[] bytes = new byte[32];
        Arrays.fill(bytes, (byte) fill);
        return new SecretKeySpec(bytes, "AES");
    }

    @Test
    public void whatIsEncryptedComesBackWhereItBelongs() throws GeneralSecurityException {
        TemplateCipher cipher = new TemplateCipher(key(1));
        byte[] encrypted = cipher.encrypt(CONTENT, "template 1");
        assertArrayEquals(CONTENT, cipher.decrypt(encrypted, "template 1"));
        assertFalse(
                "each time with another nonce",
                Arrays.equals(encrypted, cipher.encrypt(CONTENT, "template 1")));
        assertThrows(GeneralSecurityException.class, () -> cipher.decrypt(encrypted, "template 2"));
        assertThrows(
                GeneralSecurityException.class,
                () -> new TemplateCipher(key(2)).decrypt(encrypted, "template 1"));
    }

    @Test
    public void everyChangedByteIsNoticed() throws GeneralSecurityException {
        TemplateCipher cipher = new TemplateCipher(key(1));
        byte[] encrypted = cipher.encrypt(CONTENT, "template 1");
        for (int i = 0; i < encrypted.length; ++i) {
            byte[] changed = encrypted.clone();
            changed[i] ^= 1;
            assertThrows(
                    GeneralSecurityException.class, () -> cipher.decrypt(changed, "template 1"));
            byte[] cut = Arrays.copyOf(encrypted, i);
            assertThrows(GeneralSecurityException.class, () -> cipher.decrypt(cut, "template 1"));
        }
    }

    @Test
    public void numbersAreWrittenAsPythonDoes() {
        assertEquals(
                "0 0.001 1e-05 0.0001 0.37 1 1e+06 123457 0.123457",
                String.join(
                        " ",
                        ModelInfo.rate(0),
                        ModelInfo.rate(1e-3),
                        ModelInfo.rate(1e-5),
                        ModelInfo.rate(1e-4),
                        ModelInfo.rate(0.37),
                        ModelInfo.rate(1),
                        ModelInfo.rate(1e6),
                        ModelInfo.rate(123456.7),
                        ModelInfo.rate(0.12345678)));
        assertEquals(
                "1 1e-07 0.002",
                String.join(
                        " ",
                        ModelInfo.general(0.99995, 2),
                        ModelInfo.general(1.005e-7, 1),
                        ModelInfo.general(0.0021, 1)));
    }

    @Test
    public void namesArePythons() {
        for (int i = 0; i < Integer.parseInt(Host.value("names")); ++i) {
            String[] python = Host.value("name." + i).split(";;", -1);
            String given = text(python[0]);
            assertEquals("name " + i, text(python[1]), Names.normal(given));
            if (python[2].startsWith("refused: ")) {
                String why =
                        assertThrows(InputException.class, () -> Names.checked(given)).getMessage();
                assertEquals("name " + i, python[2].substring(9), why.split(", but", -1)[0]);
            } else {
                assertEquals("name " + i, text(python[2]), Names.checked(given));
            }
        }
    }

    /** What code points in hexadecimal, with blanks between them, spell. */
    private static String text(String points) {
        StringBuilder made = new StringBuilder();
        for (String point : points.split(" ", -1)) {
            if (!point.isEmpty()) {
                made.appendCodePoint(Integer.parseInt(point, 16));
            }
        }
        return made.toString();
    }

    @Test
    public void thresholdsOfGalleriesArePythons() {
        try (FaceEngine engine = Host.complete().build()) {
            for (int count : new int[] {0, 1, 10, 100, 100_000}) {
                requirePythons("point." + count, OpenSet.atMost(engine.model(), count, 0.01));
            }
            assertThrows(InputException.class, () -> OpenSet.atMost(engine.model(), 1, 1));
        }
    }

    @Test
    public void pointsOfOneComparisonInGalleriesArePythons() {
        try (FaceEngine engine = Host.complete().build()) {
            for (String fmr : Host.value("fmrs").split(",")) {
                OperatingPoint point = OperatingPoint.fmr(Double.parseDouble(fmr));
                requirePythons("at." + fmr, point.search(engine.model(), COMPARED));
            }
            for (String threshold : Host.value("given").split(",")) {
                OperatingPoint point = OperatingPoint.threshold(Double.parseDouble(threshold));
                requirePythons("given." + threshold, point.search(engine.model(), COMPARED));
            }
            requirePythons("at.0.001", OperatingPoint.DEFAULT.search(engine.model(), COMPARED));
        }
    }

    private static void requirePythons(String key, OpenSet found) {
        String[] python = Host.value(key).split(";;", -1);
        assertEquals(key, Double.parseDouble(python[0]), found.threshold, 1e-12);
        double fpir = python[1].equals("nan") ? Double.NaN : Double.parseDouble(python[1]);
        assertEquals(key, fpir, found.fpir, 1e-12);
        assertEquals(key, python[2], found.note);
    }
}
