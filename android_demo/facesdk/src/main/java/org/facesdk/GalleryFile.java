package org.facesdk;

import android.content.ContentValues;
import android.database.Cursor;
import android.database.DatabaseUtils;
import android.database.sqlite.SQLiteDatabase;
import android.database.sqlite.SQLiteDatabaseCorruptException;
import android.database.sqlite.SQLiteException;

import java.io.File;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.List;

/**
 * The rows of a gallery in an SQLite file. Of a template only its number and its person's id are
 * readable; name, times, quality and vector are encrypted, and belong to the model, the number and
 * the person. What is deleted is overwritten.
 */
final class GalleryFile {
    /** A template with its numbers. */
    static final class Row {
        final Template template;
        final float[] vector;

        Row(Template template, float[] vector) {
            this.template = template;
            this.vector = vector;
        }
    }

    private static final int SCHEMA = 1;
    private static final int FIXED_BYTES = 2 * Long.BYTES + Double.BYTES + 2 * Integer.BYTES;

    private final File file;
    private final SQLiteDatabase database;
    private final String modelId;
    private final TemplateCipher cipher;

    private GalleryFile(File file, SQLiteDatabase database, String modelId, TemplateCipher cipher) {
        this.file = file;
        this.database = database;
        this.modelId = modelId;
        this.cipher = cipher;
    }

    static GalleryFile open(File file, ModelInfo model, TemplateCipher cipher) {
        SQLiteDatabase database = null;
        try {
            File folder = file.getParentFile();
            if (folder != null && !folder.isDirectory() && !folder.mkdirs()) {
                throw new GalleryException("cannot make the folder " + folder + " for a gallery");
            }
            // Android's own handler of damage deletes the file
            database = SQLiteDatabase.openOrCreateDatabase(file.getPath(), null, damaged -> {});
            leaveNothing(database);
            if (database.getVersion() == 0) {
                create(database, model);
            }
            check(file, database, model);
            return new GalleryFile(file, database, model.embeddingsId(), cipher);
        } catch (SQLiteException error) {
            close(database);
            throw failed("open", file, error);
        } catch (FaceSdkException error) {
            close(database);
            throw error;
        }
    }

    private static GalleryException failed(String what, File file, Exception error) {
        if (error instanceof SQLiteDatabaseCorruptException) {
            return new GalleryException(
                    "the gallery "
                            + file
                            + " is damaged: delete it with Gallery.delete and enrol again ("
                            + error.getMessage()
                            + ")");
        }
        return new GalleryException(
                "cannot " + what + " the gallery " + file + ": " + error.getMessage());
    }

    /**
     * What is deleted is overwritten, and no journal keeps it: some phones write ahead or leave the
     * old pages in a journal's file unless told otherwise. The statements answer with a row, so
     * Android runs them as queries only.
     */
    private static void leaveNothing(SQLiteDatabase database) {
        database.disableWriteAheadLogging();
        require(database, "PRAGMA secure_delete = ON", "1");
        require(database, "PRAGMA journal_mode = TRUNCATE", "truncate");
    }

    private static void require(SQLiteDatabase database, String statement, String expected) {
        try (Cursor answer = database.rawQuery(statement, null)) {
            if (!answer.moveToFirst() || !expected.equalsIgnoreCase(answer.getString(0))) {
                throw new SQLiteException("SQLite does not do " + statement);
            }
        }
    }

    private static void create(SQLiteDatabase database, ModelInfo model) {
        database.beginTransaction();
        try {
            database.execSQL("CREATE TABLE gallery (model_id TEXT NOT NULL, model TEXT NOT NULL)");
            database.execSQL(
                    "CREATE TABLE templates (id INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT"
                            + " NULL, data BLOB NOT NULL)");
            ContentValues values = new ContentValues();
            values.put("model_id", model.embeddingsId());
            values.put("model", model.name());
            database.insertOrThrow("gallery", null, values);
            database.setVersion(SCHEMA);
            database.setTransactionSuccessful();
        } finally {
            database.endTransaction();
        }
    }

    private static void check(File file, SQLiteDatabase database, ModelInfo model) {
        if (database.getVersion() != SCHEMA) {
            throw new GalleryException(
                    "the gallery "
                            + file
                            + " has version "
                            + database.getVersion()
                            + ", this facesdk reads "
                            + SCHEMA
                            + ": upgrade facesdk");
        }
        try (Cursor cursor = database.rawQuery("SELECT model_id, model FROM gallery", null)) {
            if (!cursor.moveToFirst()) {
                throw new GalleryException(
                        "the gallery " + file + " is damaged: it names no model");
            }
            if (!cursor.getString(0).equals(model.embeddingsId())) {
                throw new EmbeddingMismatchException(
                        "the gallery "
                                + file
                                + " is of the model "
                                + cursor.getString(1)
                                + " ("
                                + EmbeddingsId.shortened(cursor.getString(0))
                                + "), but this is "
                                + model.name()
                                + " ("
                                + EmbeddingsId.shortened(model.embeddingsId())
                                + "): enrol everybody again with the new model"
                                + EmbeddingsId.remedy(cursor.getString(0), model.embeddingsId()));
            }
        }
    }

    /** Every row, by number. */
    List<Row> rows() {
        List<Row> rows = new ArrayList<>();
        try (Cursor cursor =
                database.rawQuery("SELECT id, person, data FROM templates ORDER BY id", null)) {
            while (cursor.moveToNext()) {
                rows.add(decoded(cursor.getLong(0), cursor.getString(1), cursor.getBlob(2)));
            }
        } catch (SQLiteException error) {
            throw failed("read", file, error);
        }
        return rows;
    }

    /**
     * Adds a template under a number that none had before. One statement, which SQLite does wholly
     * or not at all: of a transaction whose end fails, Android forgets that it is still open.
     */
    Row insert(
            String person,
            String name,
            long created,
            long expires,
            double quality,
            float[] vector) {
        try {
            long id = nextId();
            Template template = new Template(id, person, name, created, expires, quality);
            ContentValues values = new ContentValues();
            values.put("id", id);
            values.put("person", person);
            values.put("data", cipher.encrypt(encoded(template, vector), place(id, person)));
            database.insertOrThrow("templates", null, values);
            return new Row(template, vector);
        } catch (SQLiteException | GeneralSecurityException error) {
            throw failed("write to", file, error);
        }
    }

    private long nextId() {
        return 1
                + DatabaseUtils.longForQuery(
                        database,
                        "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name ="
                                + " 'templates'",
                        null);
    }

    /** Removes a person's templates; how many there were. */
    int delete(String person) {
        try {
            return database.delete("templates", "person = ?", new String[] {person});
        } catch (SQLiteException error) {
            throw failed("write to", file, error);
        }
    }

    void close() {
        database.close();
    }

    private static void close(SQLiteDatabase database) {
        if (database != null) {
            database.close();
        }
    }

    private String place(long id, String person) {
        return "facesdk template " + modelId + " " + id + " " + person;
    }

    private static byte[] encoded(Template template, float[] vector) {
        byte[] name = template.name().getBytes(StandardCharsets.UTF_8);
        ByteBuffer buffer =
                ByteBuffer.allocate(FIXED_BYTES + name.length + Float.BYTES * vector.length);
        buffer.putLong(template.createdMillis())
                .putLong(template.expiresMillis())
                .putDouble(template.quality());
        buffer.putInt(name.length).put(name).putInt(vector.length);
        for (float value : vector) {
            buffer.putFloat(value);
        }
        return buffer.array();
    }

    private Row decoded(long id, String person, byte[] data) {
        try {
            ByteBuffer buffer = ByteBuffer.wrap(cipher.decrypt(data, place(id, person)));
            long created = buffer.getLong();
            long expires = buffer.getLong();
            double quality = buffer.getDouble();
            byte[] name = new byte[buffer.getInt()];
            buffer.get(name);
            float[] vector = new float[buffer.getInt()];
            buffer.asFloatBuffer().get(vector);
            return new Row(
                    new Template(
                            id,
                            person,
                            new String(name, StandardCharsets.UTF_8),
                            created,
                            expires,
                            quality),
                    vector);
        } catch (GeneralSecurityException | BufferUnderflowException error) {
            throw new GalleryException(
                    "template "
                            + id
                            + " of the gallery "
                            + file
                            + " is damaged, or was encrypted with a key that this phone does not"
                            + " have: delete the gallery with Gallery.delete and enrol again");
        }
    }
}
