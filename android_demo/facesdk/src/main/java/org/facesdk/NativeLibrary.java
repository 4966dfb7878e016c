package org.facesdk;

/** Loads {@code libfacesdk_jni.so} once, on the first use of a native method. */
final class NativeLibrary {
    static {
        System.loadLibrary("facesdk_jni");
    }

    private NativeLibrary() {}

    /** Loads the library; calls after the first do nothing. */
    static void load() {}
}
