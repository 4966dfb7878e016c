package org.facesdk;

import com.github.unidbg.Emulator;
import com.github.unidbg.file.FileResult;
import com.github.unidbg.file.IOResolver;
import com.github.unidbg.file.linux.AndroidFileIO;
import com.github.unidbg.linux.file.ByteArrayFileIO;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/**
 * The files in which a kernel describes its processors: one Cortex-A53. Without them XNNPACK does
 * not start, and the runtime takes its plain operators.
 */
final class Processor implements IOResolver<AndroidFileIO> {
    private static final String FOLDER = "/sys/devices/system/cpu/";
    private static final String DESCRIPTION =
            "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n"
                    + "CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd03\n"
                    + "CPU revision\t: 4\n";

    private final Map<String, String> files = new HashMap<>();

    Processor() {
        for (String name : new String[] {"possible", "present", "kernel_max"}) {
            files.put(FOLDER + name, "0\n");
        }
        files.put("/proc/cpuinfo", DESCRIPTION);
    }

    @Override
    public FileResult<AndroidFileIO> resolve(
            Emulator<AndroidFileIO> emulator, String path, int flags) {
        String content = files.get(path);
        if (content == null) {
            return null;
        }
        byte[] bytes = content.getBytes(StandardCharsets.US_ASCII);
        return FileResult.success(new ByteArrayFileIO(flags, path, bytes));
    }
}
