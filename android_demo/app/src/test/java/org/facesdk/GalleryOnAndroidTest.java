package org.facesdk;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import android.content.Context;
import android.database.Cursor;
import android.database.sqlite.SQLiteDatabase;

import org.facesdk.demo.FakeKeystore;
import org.facesdk.demo.OnHost;
import org.junit.After;
import org.junit.Before;
import org.junit.Test;
import org.junit.function.ThrowingRunnable;
import org.robolectric.RuntimeEnvironment;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.Date;
import java.util.Random;

/** A gallery on Android's SQLite: what is forgotten is gone, and what a failing Keystore does. */
public final class GalleryOnAndroidTest extends OnHost {
    private static final String NAME = "people.db";
    private static final int PIECE = 16;
    private static final int PAGE = 4096;

    private Context context;
    private ModelInfo model;

    @Before
    public void open() {
        context = RuntimeEnvironment.getApplication();
        try (FaceEngine engine =
                FaceEngine.builder(context).model("compactfacenet-qb.tflite").build()) {
            model = engine.model();
        }
    }

    @After
    public void mend() {
        FakeKeystore.setBroken(false);
    }

    private Embedding embedding(int seed) {
        float[] vector = new float[model.dim()];
        Random random = new Random(seed);
        double norm = 0;
        for (int i = 0; i < vector.length; ++i) {
            vector[i] = (float) random.nextGaussian();
            norm += vector[i] * vector[i];
        }
        for (int i = 0; i < vector.length; ++i) {
            vector[i] /= (float) Math.sqrt(norm);
        }
        return Embedding.of(vector, model.name(), model.id());
    }

    private File file() {
        return new File(new File(context.getNoBackupFilesDir(), "facesdk"), NAME);
    }

    /** The database with all that lies beside it: journals. */
    private String bytes() throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (File part : file().getParentFile().listFiles()) {
            all.write(Files.readAllBytes(part.toPath()));
        }
        return new String(all.toByteArray(), StandardCharsets.ISO_8859_1);
    }

    /** The encrypted template of a person, as the table has it. */
    private byte[] stored(String person) {
        try (SQLiteDatabase database =
                        SQLiteDatabase.openDatabase(
                                file().getPath(), null, SQLiteDatabase.OPEN_READONLY);
                Cursor row =
                        database.rawQuery(
                                "SELECT data FROM templates WHERE person = ?",
                                new String[] {person})) {
            assertTrue(row.moveToFirst());
            return row.getBlob(0);
        }
    }

    private static int pieces(byte[] content, String all) {
        int found = 0;
        for (int at = 0; at + PIECE <= content.length; at += PIECE) {
            byte[] piece = Arrays.copyOfRange(content, at, at + PIECE);
            if (all.contains(new String(piece, StandardCharsets.ISO_8859_1))) {
                ++found;
            }
        }
        return found;
    }

    @Test
    public void whatIsForgottenIsGoneFromTheFile() throws IOException {
        try (Gallery gallery = Gallery.open(context, NAME, model)) {
            String gone = gallery.enrol("Barack", embedding(1), 0.9).person();
            String kept = gallery.enrol("Joe", embedding(2), 0.9).person();
            byte[] secret = stored(gone);
            byte[] other = stored(kept);
            String before = bytes();
            assertFalse("names are encrypted", before.contains("Barack"));
            assertTrue(before.contains(gone));
            assertTrue(pieces(secret, before) > secret.length / PIECE / 2);
            gallery.forget("Barack");
            String after = bytes();
            assertFalse(after.contains(gone));
            assertEquals(0, pieces(secret, after));
            assertTrue(after.contains(kept));
            assertTrue(pieces(other, after) > 0);
        }
    }

    @Test
    public void blanksAroundANameMakeNobodyElse() {
        try (Gallery gallery = Gallery.open(context, NAME, model)) {
            gallery.enrol("\u00c9va", embedding(1), 0.9);
            gallery.enrol("E\u0301va\u00a0", embedding(2), 0.9);
            gallery.enrol("\u3000\u00c9va", embedding(3), 0.9);
            assertThrows(InputException.class, () -> gallery.enrol("\u3000", embedding(4), 0.9));
            assertThrows(InputException.class, () -> gallery.enrol("\ud83d", embedding(4), 0.9));
            assertEquals(1, gallery.people().size());
            assertEquals("\u00c9va", gallery.people().get(0).name());
            assertEquals(3, gallery.forget("\u2003E\u0301va "));
        }
    }

    @Test
    public void anIdIsNobodyElsesName() {
        try (Gallery gallery = Gallery.open(context, NAME, model)) {
            String id = gallery.enrol("Barack", embedding(1), 0.9).person();
            assertThrows(InputException.class, () -> gallery.enrol(id, embedding(2), 0.9));
            assertEquals(1, gallery.people().size());
            assertEquals(1, gallery.forget(id));
        }
    }

    @Test
    public void aDateThatHasComeIsRefused() {
        try (Gallery gallery = Gallery.open(context, NAME, model)) {
            for (long millis : new long[] {0, System.currentTimeMillis()}) {
                assertThrows(
                        InputException.class,
                        () -> gallery.enrol("Joe", embedding(1), 0.9, new Date(millis)));
            }
            assertEquals(0, gallery.people().size());
        }
    }

    @Test
    public void aLostKeyIsSaidAndTheGalleryCanBeDeleted() {
        try (Gallery gallery = Gallery.open(context, NAME, model)) {
            gallery.enrol("Barack", embedding(1), 0.9);
        }
        FakeKeystore.lose();
        String message =
                assertThrows(GalleryException.class, () -> Gallery.open(context, NAME, model))
                        .getMessage();
        assertTrue(message, message.contains("that this phone does not have"));
        assertTrue(Gallery.delete(context, NAME));
        assertFalse(Gallery.delete(context, NAME));
        try (Gallery gallery = Gallery.open(context, NAME, model)) {
            assertTrue(gallery.people().isEmpty());
        }
    }

    @Test
    public void aDamagedGalleryIsSaidAndLeftAsItIs() throws IOException {
        try (Gallery gallery = Gallery.open(context, NAME, model)) {
            gallery.enrol("Barack", embedding(1), 0.9);
        }
        byte[] whole = Files.readAllBytes(file().toPath());
        overwrite(0);
        requireDamage(() -> Gallery.open(context, NAME, model));
        Files.write(file().toPath(), whole);
        for (int page = 1; page < whole.length / PAGE; ++page) {
            overwrite(page * PAGE);
        }
        requireDamage(() -> Gallery.open(context, NAME, model));
        Files.write(file().toPath(), whole);
        try (Gallery gallery = Gallery.open(context, NAME, model)) {
            assertEquals(1, gallery.people().size());
            overwrite(0);
            requireDamage(() -> gallery.enrol("Joe", embedding(2), 0.9));
            requireDamage(() -> gallery.forget("Barack"));
            assertEquals(1, gallery.people().size());
        }
    }

    private void overwrite(int at) throws IOException {
        try (RandomAccessFile content = new RandomAccessFile(file(), "rw")) {
            content.seek(at);
            content.write(new byte[100]);
        }
    }

    /** A call says that the file is damaged, and does not change a byte of it. */
    private void requireDamage(ThrowingRunnable call) throws IOException {
        byte[] before = Files.readAllBytes(file().toPath());
        String message = assertThrows(GalleryException.class, call).getMessage();
        assertTrue(message, message.contains("people.db is damaged: "));
        assertArrayEquals(before, Files.readAllBytes(file().toPath()));
    }

    @Test
    public void aFileThatCannotBeWrittenIsSaidAndStaysAsItWas() throws IOException {
        try (Gallery gallery = Gallery.open(context, NAME, model)) {
            gallery.enrol("Barack", embedding(1), 0.9);
            try (SQLiteDatabase other = otherConnection()) {
                other.beginTransaction();
                requireUnwritten(() -> gallery.enrol("Joe", embedding(2), 0.9));
                requireUnwritten(() -> gallery.forget("Barack"));
                other.endTransaction();
                other.beginTransactionNonExclusive();
                try (Cursor reading = other.rawQuery("SELECT * FROM gallery", null)) {
                    assertTrue(reading.moveToFirst());
                    requireUnwritten(() -> gallery.enrol("Joe", embedding(2), 0.9));
                    requireUnwritten(() -> gallery.forget("Barack"));
                }
                other.endTransaction();
            }
            assertEquals(1, gallery.people().size());
            gallery.enrol("Joe", embedding(2), 0.9);
        }
        try (Gallery gallery = Gallery.open(context, NAME, model)) {
            assertEquals(2, gallery.people().size());
        }
    }

    private SQLiteDatabase otherConnection() {
        return SQLiteDatabase.openDatabase(file().getPath(), null, SQLiteDatabase.OPEN_READWRITE);
    }

    private void requireUnwritten(ThrowingRunnable call) throws IOException {
        byte[] before = Files.readAllBytes(file().toPath());
        String message = assertThrows(GalleryException.class, call).getMessage();
        assertTrue(message, message.startsWith("cannot write to the gallery "));
        assertArrayEquals(before, Files.readAllBytes(file().toPath()));
    }

    @Test
    public void aFullDiskIsSaidAndTheGalleryStaysAsItWas() throws Exception {
        try (Gallery gallery = Gallery.open(context, NAME, model)) {
            gallery.enrol("Person", embedding(0), 0.9);
            SQLiteDatabase database = databaseOf(gallery);
            database.setMaximumSize(database.getPageSize());
            int[] count = {1};
            String message =
                    assertThrows(
                                    GalleryException.class,
                                    () -> {
                                        for (; count[0] < 50; ++count[0]) {
                                            gallery.enrol("Person", embedding(count[0]), 0.9);
                                        }
                                    })
                            .getMessage();
            assertTrue(message, message.contains("full"));
            assertEquals(count[0], gallery.people().get(0).templates());
            database.setMaximumSize(Integer.MAX_VALUE);
            gallery.enrol("Person", embedding(count[0]), 0.9);
        }
        try (Gallery gallery = Gallery.open(context, NAME, model)) {
            assertEquals(
                    embedding(0).similarity(embedding(0)),
                    gallery.identify(embedding(0)).similarity(),
                    1e-6);
        }
    }

    private static SQLiteDatabase databaseOf(Gallery gallery) throws ReflectiveOperationException {
        Field file = Gallery.class.getDeclaredField("file");
        file.setAccessible(true);
        Field database = GalleryFile.class.getDeclaredField("database");
        database.setAccessible(true);
        return (SQLiteDatabase) database.get(file.get(gallery));
    }

    @Test
    public void aCopyOfADeletedGalleryCannotBeRead() throws IOException {
        try (Gallery gallery = Gallery.open(context, NAME, model)) {
            gallery.enrol("Barack", embedding(1), 0.9);
        }
        byte[] copy = Files.readAllBytes(file().toPath());
        assertTrue(Gallery.delete(context, NAME));
        Files.write(file().toPath(), copy);
        assertThrows(GalleryException.class, () -> Gallery.open(context, NAME, model));
    }

    @Test
    public void aKeystoreThatFailsIsOneSentence() {
        FakeKeystore.setBroken(true);
        String message =
                assertThrows(GalleryException.class, () -> Gallery.open(context, NAME, model))
                        .getMessage();
        assertTrue(message, message.startsWith("the key of the gallery "));
        assertTrue(message, message.endsWith("cannot be had: Keystore operation failed"));
        assertThrows(GalleryException.class, () -> Gallery.delete(context, NAME));
        assertFalse("nothing half-written", file().exists());
    }

    @Test
    public void aKeystoreThatFailsLaterLeavesTheGalleryAsItWas() {
        try (Gallery gallery = Gallery.open(context, NAME, model)) {
            gallery.enrol("Barack", embedding(1), 0.9);
            FakeKeystore.setBroken(true);
            String message =
                    assertThrows(
                                    GalleryException.class,
                                    () -> gallery.enrol("Joe", embedding(2), 0.9))
                            .getMessage();
            assertTrue(message, message.endsWith("Keystore operation failed"));
            assertEquals(1, gallery.people().size());
            FakeKeystore.setBroken(false);
            gallery.enrol("Joe", embedding(2), 0.9);
        }
        try (Gallery gallery = Gallery.open(context, NAME, model)) {
            assertEquals(2, gallery.people().size());
            Identification found = gallery.identify(embedding(2));
            assertEquals("Joe", found.person().name());
            assertEquals("", found.note());
            float[] shorter = embedding(2).vector();
            for (int i = 0; i < shorter.length; ++i) {
                shorter[i] *= 0.25f;
            }
            found = gallery.identify(Embedding.of(shorter, model.name(), model.id()));
            assertNull(found.person());
            assertEquals(0.25, found.similarity(), 1e-6);
            assertTrue(found.note(), found.note().startsWith("the face is unclear to the model"));
        }
    }
}
