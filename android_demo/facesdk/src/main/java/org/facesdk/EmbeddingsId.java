package org.facesdk;

/** What embeddings go by: the model's id, and the version of the pixel functions. */
final class EmbeddingsId {
    private static final String MARK = "-pixels";
    private static final int SHORT = 12;

    private EmbeddingsId() {}

    /** Version 1 adds nothing. */
    static String of(String model, int pixels) {
        return pixels == 1 ? model : model + MARK + pixels;
    }

    /** For messages: the first digits of the model's id, and the version. */
    static String shortened(String id) {
        String digest = model(id);
        return digest.substring(0, Math.min(SHORT, digest.length()))
                + id.substring(digest.length());
    }

    /** Why embeddings of two ids do not compare, if only the pixels differ; empty otherwise. */
    static String remedy(String a, String b) {
        if (a.equals(b) || !model(a).equals(model(b))) {
            return "";
        }
        return "; the model is the same, but the crops were cut by versions of facesdk whose pixels"
                + " differ: embed the photos again";
    }

    private static String model(String id) {
        int mark = id.indexOf(MARK);
        return mark < 0 ? id : id.substring(0, mark);
    }
}
