package org.facesdk;

/** Recording of networks and operators, in C. */
final class NativeProfile {
    /** Numbers before those of the runs in {@link #stop}. */
    static final int LEADING = 2;

    /**
     * Numbers of a run in {@link #stop}: network (0 to 2 of the detector, 3 the recogniser), start
     * and end.
     */
    static final int RUN = 3;

    /**
     * Numbers of an operator: its index in the file, kernel path, the operator that computed it or
     * -1, start and end.
     */
    static final int OPERATOR = 5;

    static {
        NativeLibrary.load();
    }

    private NativeProfile() {}

    static native void start(long engine);

    /**
     * The number of runs, and how many runs and operators there was no room for, then {@link #RUN}
     * numbers for each run, then {@link #OPERATOR} numbers for each operator.
     */
    static native long[] stop(long engine);

    static native String operatorName(long engine, int node);

    static native String pathName(int path);
}
