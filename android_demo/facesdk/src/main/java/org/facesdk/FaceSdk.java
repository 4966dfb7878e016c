package org.facesdk;

import org.jetbrains.annotations.NotNull;

/** What this library and this processor are. */
public final class FaceSdk {
    static {
        NativeLibrary.load();
    }

    private FaceSdk() {}

    /** Version of facesdk, for example "0.1.0". */
    @NotNull
    public static native String version();

    /**
     * The kernel path that this processor gets, for example "neon".
     *
     * @throws OperatorLibraryException FACESDK_OPS_ISA names an unknown path, or one that this
     *     processor cannot run
     */
    @NotNull
    public static native String kernelPath();

    /** The best kernel path that this processor could use. */
    @NotNull
    public static native String bestKernelPath();

    /**
     * Operators that the library ran in this process so far: a test reads it to know that it was
     * used.
     */
    public static native long operatorRuns();

    /**
     * Version of the app's TensorFlow Lite runtime, for example "2.16.1".
     *
     * @throws RuntimeUnavailableException the app brings none, or one that lacks a function
     */
    @NotNull
    public static native String runtimeVersion();
}
