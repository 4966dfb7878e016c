package org.facesdk;

import android.content.Context;
import android.database.sqlite.SQLiteDatabase;

import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

import java.io.File;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * People and their templates, in one SQLite file of the app, pinned to one recognition model.
 *
 * <p>Names, vectors and times are encrypted with AES-GCM; the key lies in Android's Keystore and
 * never leaves it. The decrypted vectors are in memory while the gallery is open. Threads may share
 * a gallery; a file is for one open gallery at a time. After {@link #close} every call throws
 * {@link IllegalStateException}.
 */
public final class Gallery implements AutoCloseable {
    private static final int MOST_CANDIDATES = 5;
    private static final int ID_BYTES = 8;
    private static final String KEY_ALIAS = "org.facesdk.gallery.";

    private final ModelInfo model;
    private final GalleryFile file;
    private final SecureRandom random = new SecureRandom();
    private final List<GalleryFile.Row> rows;
    private float[] vectors;
    private boolean closed;

    private Gallery(ModelInfo model, GalleryFile file) {
        this.model = model;
        this.file = file;
        this.rows = new ArrayList<>(file.rows());
        collect();
    }

    /**
     * Opens the gallery in a file of the app's private storage that is not backed up; makes it if
     * there is none.
     *
     * @param name of the file, for example "people.db"
     * @param model {@link FaceEngine#model}
     * @throws GalleryException the file cannot be opened, is damaged, or its key is lost
     * @throws EmbeddingMismatchException the gallery is of another model
     */
    @NotNull
    public static Gallery open(
            @NotNull Context context, @NotNull String name, @NotNull ModelInfo model) {
        return open(file(context, name), model, new AndroidKeystore(KEY_ALIAS + name));
    }

    static Gallery open(File path, ModelInfo model, KeySource source) {
        TemplateCipher cipher;
        try {
            cipher = new TemplateCipher(source.key());
        } catch (GeneralSecurityException error) {
            throw new GalleryException(
                    "the key of the gallery " + path + " cannot be had: " + error.getMessage());
        }
        GalleryFile file = GalleryFile.open(path, model, cipher);
        try {
            return new Gallery(model, file);
        } catch (RuntimeException error) {
            file.close();
            throw error;
        }
    }

    /**
     * Deletes a gallery with all that is in it, and its key: copies of the file cannot be read any
     * more. None may be open.
     *
     * @return whether there was one
     * @throws GalleryException the file is gone, but Android's Keystore does not let the key go
     */
    public static boolean delete(@NotNull Context context, @NotNull String name) {
        boolean was = SQLiteDatabase.deleteDatabase(file(context, name));
        try {
            new AndroidKeystore(KEY_ALIAS + name).forget();
        } catch (GeneralSecurityException error) {
            throw new GalleryException(
                    "the key of the gallery " + name + " cannot be removed: " + error.getMessage());
        }
        return was;
    }

    private static File file(Context context, String name) {
        if (name.isEmpty() || name.contains("/")) {
            throw new InputException("a gallery's file must have a plain name, but got " + name);
        }
        return new File(new File(context.getNoBackupFilesDir(), "facesdk"), name);
    }

    /** SHA-256 (hex) of the model that it is pinned to. */
    @NotNull
    public String modelId() {
        return model.embeddingsId();
    }

    /**
     * Stores a face of a person, who may have several.
     *
     * @param name the person's name; one who is enrolled under it gets another template
     * @param embedding of this gallery's model
     * @param quality {@link Quality#score}, 0 to 1
     * @throws EmbeddingMismatchException the embedding comes from another model
     * @throws InputException the name ({@link #normalName}) is empty, has more than 200 characters
     *     or a control character, or is somebody's id; the quality is out of its range, or the date
     *     has come
     */
    @NotNull
    public Template enrol(@NotNull String name, @NotNull Embedding embedding, double quality) {
        return enrol(name, embedding, quality, null);
    }

    /** The same with a date from which on the template is not compared any more; null for never. */
    @NotNull
    public synchronized Template enrol(
            @NotNull String name,
            @NotNull Embedding embedding,
            double quality,
            @Nullable Date expires) {
        requireOpen();
        requireMine(embedding);
        if (!(quality >= 0 && quality <= 1)) {
            throw new InputException("quality must be 0 to 1, but got " + quality);
        }
        if (expires != null && expires.getTime() <= System.currentTimeMillis()) {
            throw new InputException("a template must expire in the future, but got " + expires);
        }
        String called = Names.checked(name);
        Person known = find(called);
        if (known != null && !known.name().equals(called)) {
            throw new InputException("a name must not be the id of somebody else: " + called);
        }
        GalleryFile.Row row =
                file.insert(
                        known != null ? known.id() : newId(),
                        called,
                        System.currentTimeMillis(),
                        expires == null ? 0 : expires.getTime(),
                        quality,
                        embedding.vector());
        rows.add(row);
        collect();
        return row.template;
    }

    /**
     * A name as {@link #enrol} stores it and {@link #forget} looks for it: in Unicode's composed
     * form (NFC), without blanks of any script around it.
     */
    @NotNull
    public static String normalName(@NotNull String name) {
        return Names.normal(name);
    }

    /** Everybody who is enrolled, by name. */
    @NotNull
    public synchronized List<Person> people() {
        requireOpen();
        List<Person> people = new ArrayList<>(byId().values());
        Collections.sort(people, (a, b) -> a.name().compareTo(b.name()));
        return people;
    }

    /**
     * Removes a person with all templates; what the file held of them is overwritten.
     *
     * @return how many templates there were
     * @throws InputException nobody has that name or id
     */
    public synchronized int forget(@NotNull String nameOrId) {
        requireOpen();
        Person person = find(Names.normal(nameOrId));
        if (person == null) {
            throw new InputException(
                    "nobody in the gallery has the name or id '"
                            + nameOrId
                            + "': people() lists them");
        }
        int count = file.delete(person.id());
        for (int i = rows.size() - 1; i >= 0; --i) {
            if (rows.get(i).template.person().equals(person.id())) {
                rows.remove(i);
            }
        }
        collect();
        return count;
    }

    /**
     * Says whose face an embedding is, or that it is nobody's who is enrolled. The threshold is the
     * lowest of the model's at which a gallery of this size gives a stranger a name in at most 1 of
     * 100 searches.
     *
     * @throws EmbeddingMismatchException the embedding comes from another model
     * @throws InputException the model has no threshold
     */
    @NotNull
    public Identification identify(@NotNull Embedding embedding) {
        return search(embedding, OpenSet.DEFAULT_FPIR, null);
    }

    /**
     * The same with a false positive identification rate of your choice.
     *
     * @param fpir above 0 and below 1
     */
    @NotNull
    public Identification identify(@NotNull Embedding embedding, double fpir) {
        return search(embedding, fpir, null);
    }

    /**
     * The same at an operating point of one comparison: a threshold of yours, or the model's for a
     * false match rate.
     */
    @NotNull
    public Identification identify(@NotNull Embedding embedding, @NotNull OperatingPoint point) {
        return search(embedding, OpenSet.DEFAULT_FPIR, point);
    }

    private synchronized Identification search(
            Embedding embedding, double fpir, @Nullable OperatingPoint point) {
        requireOpen();
        requireMine(embedding);
        float[] similarities =
                rows.isEmpty()
                        ? new float[0]
                        : NativeVectors.similarities(embedding.vector(), vectors);
        long now = System.currentTimeMillis();
        int compared = 0;
        Map<String, Double> best = new LinkedHashMap<>();
        for (int i = 0; i < rows.size(); ++i) {
            Template template = rows.get(i).template;
            if (!template.comparedAt(now)) {
                continue;
            }
            ++compared;
            Double before = best.get(template.person());
            best.put(
                    template.person(),
                    before == null ? similarities[i] : Math.max(before, similarities[i]));
        }
        Map<String, Person> people = byId();
        List<Candidate> candidates = new ArrayList<>();
        for (Map.Entry<String, Double> entry : best.entrySet()) {
            candidates.add(new Candidate(people.get(entry.getKey()), entry.getValue()));
        }
        Collections.sort(candidates, (a, b) -> Double.compare(b.similarity(), a.similarity()));
        OpenSet decided =
                point == null
                        ? OpenSet.atMost(model, compared, fpir)
                        : point.search(model, compared);
        return new Identification(
                new ArrayList<>(
                        candidates.subList(0, Math.min(MOST_CANDIDATES, candidates.size()))),
                decided,
                embedding.isClear());
    }

    /** Closes the file and forgets the vectors in memory. To close again does nothing. */
    @Override
    public synchronized void close() {
        if (!closed) {
            file.close();
        }
        closed = true;
        rows.clear();
        vectors = new float[0];
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("this Gallery is closed");
        }
    }

    private void requireMine(Embedding embedding) {
        if (!embedding.modelId().equals(model.embeddingsId()) || embedding.dim() != model.dim()) {
            throw new EmbeddingMismatchException(
                    "the embedding was made by "
                            + embedding.model()
                            + " ("
                            + EmbeddingsId.shortened(embedding.modelId())
                            + "), but the gallery is of "
                            + model.name()
                            + " ("
                            + EmbeddingsId.shortened(model.embeddingsId())
                            + ")"
                            + EmbeddingsId.remedy(embedding.modelId(), model.embeddingsId()));
        }
    }

    private String newId() {
        byte[] bytes = new byte[ID_BYTES];
        random.nextBytes(bytes);
        StringBuilder text = new StringBuilder();
        for (byte value : bytes) {
            text.append(String.format(Locale.ROOT, "%02x", value & 0xff));
        }
        return text.toString();
    }

    private void collect() {
        vectors = new float[rows.size() * model.dim()];
        for (int i = 0; i < rows.size(); ++i) {
            System.arraycopy(rows.get(i).vector, 0, vectors, i * model.dim(), model.dim());
        }
    }

    @Nullable
    private Person find(String nameOrId) {
        Person named = null;
        for (Person person : byId().values()) {
            if (person.id().equals(nameOrId)) {
                return person;
            }
            named = person.name().equals(nameOrId) ? person : named;
        }
        return named;
    }

    /** People by id, in the order in which they were enrolled. */
    private Map<String, Person> byId() {
        Map<String, Person> people = new LinkedHashMap<>();
        for (GalleryFile.Row row : rows) {
            Template template = row.template;
            Person before = people.get(template.person());
            long expires = template.expiresMillis();
            if (before != null) {
                Date last = before.expires();
                expires = expires == 0 || last == null ? 0 : Math.max(expires, last.getTime());
            }
            people.put(
                    template.person(),
                    new Person(
                            template.person(),
                            template.name(),
                            before == null ? 1 : before.templates() + 1,
                            before == null
                                    ? template.createdMillis()
                                    : Math.min(
                                            before.created().getTime(), template.createdMillis()),
                            expires));
        }
        return people;
    }
}
