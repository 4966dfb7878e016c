package org.facesdk;

/**
 * Opens an engine in a JVM whose runtime is missing or lacks something, and prints the exception.
 */
public final class RuntimeProbe {
    private RuntimeProbe() {}

    public static void main(String[] arguments) {
        for (int i = 0; i < 2; ++i) {
            try {
                Host.complete().build().close();
                System.out.println("opened");
            } catch (RuntimeUnavailableException error) {
                System.out.println(error.getMessage());
            }
        }
        System.out.println(FaceSdk.kernelPath().isEmpty() ? "" : "operators without a runtime");
    }
}
