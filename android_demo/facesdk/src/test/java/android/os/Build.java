package android.os;

/** Stands in for Android's class on the host JVM, where that one has no native methods. */
public final class Build {
    public static final String HARDWARE = "host";
    public static final String MANUFACTURER = "Nobody";
    public static final String MODEL = "JVM";

    /** Versions. */
    public static final class VERSION {
        public static final String RELEASE = "0";
        public static final int SDK_INT = 24;

        private VERSION() {}
    }

    private Build() {}
}
