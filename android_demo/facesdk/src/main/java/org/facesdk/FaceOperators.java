package org.facesdk;

import org.tensorflow.lite.Delegate;

/**
 * The operators alone, as a delegate for an interpreter of your own; {@link FaceEngine} does not
 * need it.
 *
 * <pre>{@code
 * try (FaceOperators operators = new FaceOperators();
 *      Interpreter interpreter = new Interpreter(model, new Interpreter.Options().addDelegate(operators))) {
 *     interpreter.run(input, output);
 * }
 * }</pre>
 */
public final class FaceOperators implements Delegate {
    static {
        NativeLibrary.load();
    }

    private long handle = create();

    /**
     * Makes the delegate.
     *
     * @throws OperatorLibraryException the operators cannot be made; the log says why
     */
    public FaceOperators() {}

    /**
     * A {@code TfLiteDelegate*}, valid until {@link #close}; close the interpreter first.
     *
     * @throws IllegalStateException it is closed
     */
    @Override
    public synchronized long getNativeHandle() {
        if (handle == 0) {
            throw new IllegalStateException("this FaceOperators is closed");
        }
        return handle;
    }

    /** Releases it; to close it again does nothing. */
    @Override
    public synchronized void close() {
        if (handle != 0) {
            destroy(handle);
        }
        handle = 0;
    }

    private static native long create();

    private static native void destroy(long handle);
}
