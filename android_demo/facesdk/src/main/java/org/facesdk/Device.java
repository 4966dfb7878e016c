package org.facesdk;

import android.os.Build;

import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * The phone that a figure was measured on, and its state at one moment, as far as an app may know
 * them.
 */
final class Device {
    private static final File PROCESSORS = new File("/sys/devices/system/cpu");
    private static final double KILOHERTZ = 1e3;
    private static final String FORCED_PATH = "FACESDK_OPS_ISA";

    private Device() {}

    /** The record "environment" of the bench report's schema. */
    static Map<String, Object> environment() {
        Map<String, Object> record = new LinkedHashMap<>();
        String forced = System.getenv(FORCED_PATH);
        record.put("board", board());
        record.put("machine", System.getProperty("os.arch", ""));
        record.put("cpu", processor());
        record.put("cores", Runtime.getRuntime().availableProcessors());
        record.put("userland_bits", System.getProperty("os.arch", "").contains("64") ? 64 : 32);
        record.put("kernel", System.getProperty("os.version", ""));
        record.put(
                "governors",
                new ArrayList<>(new TreeSet<>(ofProcessors("cpufreq/scaling_governor"))));
        record.put("emulated", emulated());
        record.put("facesdk", FaceSdk.version());
        record.put(
                "python",
                "none: Android " + Build.VERSION.RELEASE + ", API level " + Build.VERSION.SDK_INT);
        record.put("runtime", "tflite-runtime");
        record.put("runtime_version", FaceSdk.runtimeVersion());
        record.put("operators", FaceSdk.version());
        record.put("kernel_path", FaceSdk.kernelPath());
        record.put("best_path", FaceSdk.bestKernelPath());
        record.put("path_forced", forced != null && !forced.isEmpty());
        return record;
    }

    /** The record "reading": an app sees the processors' clocks at most. */
    static Map<String, Object> reading() {
        Map<String, Object> record = new LinkedHashMap<>();
        List<Object> clocks = new ArrayList<>();
        for (String text : ofProcessors("cpufreq/scaling_cur_freq")) {
            if (text.matches("[0-9]{1,12}")) {
                clocks.add(Math.round(Long.parseLong(text) / KILOHERTZ));
            }
        }
        record.put("frequencies_mhz", clocks);
        record.put("temperature_c", null);
        record.put("throttling", null);
        record.put("load_average", null);
        return record;
    }

    static boolean emulated() {
        return "goldfish".equals(Build.HARDWARE) || "ranchu".equals(Build.HARDWARE);
    }

    private static String board() {
        return Build.MANUFACTURER == null ? null : Build.MANUFACTURER + " " + Build.MODEL;
    }

    private static String processor() {
        return Build.HARDWARE == null ? "unknown" : Build.HARDWARE;
    }

    private static List<String> ofProcessors(String file) {
        List<String> found = new ArrayList<>();
        String[] names = PROCESSORS.list((folder, name) -> name.matches("cpu[0-9]+"));
        for (String name :
                names == null ? Collections.<String>emptyList() : java.util.Arrays.asList(names)) {
            String text = firstLine(new File(new File(PROCESSORS, name), file));
            if (!text.isEmpty()) {
                found.add(text);
            }
        }
        return found;
    }

    /** Empty where the system does not tell. */
    private static String firstLine(File file) {
        try (BufferedReader reader =
                new BufferedReader(
                        new InputStreamReader(new FileInputStream(file), StandardCharsets.UTF_8))) {
            String line = reader.readLine();
            return line == null ? "" : line.trim();
        } catch (IOException unreadable) {
            return "";
        }
    }
}
