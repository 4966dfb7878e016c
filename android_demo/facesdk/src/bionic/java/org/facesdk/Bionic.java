package org.facesdk;

import com.github.unidbg.AndroidEmulator;
import com.github.unidbg.Emulator;
import com.github.unidbg.Module;
import com.github.unidbg.Svc;
import com.github.unidbg.arm.Arm64Svc;
import com.github.unidbg.arm.ArmSvc;
import com.github.unidbg.arm.backend.DynarmicFactory;
import com.github.unidbg.arm.backend.Unicorn2Factory;
import com.github.unidbg.arm.context.RegisterContext;
import com.github.unidbg.linux.android.AndroidEmulatorBuilder;
import com.github.unidbg.linux.android.AndroidResolver;
import com.github.unidbg.linux.android.dvm.AbstractJni;
import com.github.unidbg.linux.android.dvm.DvmClass;
import com.github.unidbg.linux.android.dvm.DvmObject;
import com.github.unidbg.linux.android.dvm.VM;
import com.github.unidbg.linux.android.dvm.array.FloatArray;
import com.github.unidbg.memory.MemoryBlock;
import com.github.unidbg.memory.SvcMemory;
import com.github.unidbg.pointer.UnidbgPointer;

import java.io.File;
import java.util.function.ToLongFunction;

/**
 * An emulated Android with the stock runtime and our library, and the JNI functions that the
 * emulator lacks.
 */
final class Bionic implements AutoCloseable {
    private static final int AT_HWCAP = 16;
    private static final int HWCAP_NEON = 1 << 12;
    private static final int THROW_NEW = 14;
    private static final int GET_FLOAT_REGION = 205;
    private static final int BUFFER_ADDRESS = 230;
    private static final int BUFFER_CAPACITY = 231;

    /** Memory of the emulated process behind a java.nio.ByteBuffer. */
    static final class Buffer {
        final UnidbgPointer memory;
        final int size;

        Buffer(UnidbgPointer memory, int size) {
            this.memory = memory;
            this.size = size;
        }
    }

    final AndroidEmulator emulator;
    final VM vm;
    final Module runtime;
    private final boolean wide;
    private String thrown;

    Bionic(String backend, String abi, File libraries, File runtimeLibraries) {
        wide = abi.equals("arm64-v8a");
        emulator =
                (wide ? AndroidEmulatorBuilder.for64Bit() : AndroidEmulatorBuilder.for32Bit())
                        .setProcessName("org.facesdk.test")
                        .addBackendFactory(
                                backend.equals("dynarmic")
                                        ? new DynarmicFactory(false)
                                        : new Unicorn2Factory(false))
                        .build();
        emulator.getSyscallHandler()
                .setEnableThreadDispatcher(
                        true); // else the runtime waits for ever for a second thread
        if (wide) { // 32-bit XNNPACK takes minutes where each instruction is emulated on its own
            emulator.getSyscallHandler().addIOResolver(new Processor());
        }
        emulator.getMemory().setLibraryResolver(new AndroidResolver(23));
        vm = emulator.createDalvikVM();
        vm.setJni(new AbstractJni() {});
        vm.setVerbose(false);
        runtime =
                vm.loadLibrary(new File(runtimeLibraries, abi + "/libtensorflowlite_jni.so"), true)
                        .getModule();
        // The emulated C library knows no auxiliary vector, and 32-bit code looks there for NEON.
        // Libraries that are loaded from
        // here on get this answer; libc.so itself must not, as it looks for more.
        emulator.getMemory()
                .addHookListener(
                        (memory, libraryName, symbol, old) ->
                                !wide && symbol.equals("getauxval")
                                        ? memory.registerSvc(
                                                        svc(
                                                                context ->
                                                                        context.getIntArg(0)
                                                                                        == AT_HWCAP
                                                                                ? HWCAP_NEON
                                                                                : 0))
                                                .peer
                                        : 0);
        vm.loadLibrary(new File(libraries, abi + "/libfacesdk_jni.so"), true);
        patch();
    }

    private void patch() {
        UnidbgPointer table = ((UnidbgPointer) vm.getJNIEnv()).getPointer(0);
        set(
                table,
                THROW_NEW,
                context -> {
                    thrown =
                            name(context.getIntArg(1))
                                    + ": "
                                    + context.getPointerArg(2).getString(0);
                    return 0;
                });
        set(
                table,
                GET_FLOAT_REGION,
                context -> {
                    FloatArray array = vm.getObject(context.getIntArg(1));
                    float[] values = new float[context.getIntArg(3)];
                    System.arraycopy(
                            array.getValue(), context.getIntArg(2), values, 0, values.length);
                    context.getPointerArg(4).write(0, values, 0, values.length);
                    return 0;
                });
        set(table, BUFFER_ADDRESS, context -> buffer(context.getIntArg(1)).memory.peer);
        set(table, BUFFER_CAPACITY, context -> buffer(context.getIntArg(1)).size);
    }

    private String name(int hash) {
        DvmObject<?> type = vm.getObject(hash);
        return ((DvmClass) type).getClassName();
    }

    private Buffer buffer(int hash) {
        return (Buffer) vm.getObject(hash).getValue();
    }

    private void set(UnidbgPointer table, int index, ToLongFunction<RegisterContext> function) {
        SvcMemory memory = emulator.getSvcMemory();
        table.setPointer(
                (long) index * emulator.getPointerSize(), memory.registerSvc(svc(function)));
    }

    private Svc svc(ToLongFunction<RegisterContext> function) {
        if (wide) {
            return new Arm64Svc() {
                @Override
                public long handle(Emulator<?> caller) {
                    return function.applyAsLong(caller.getContext());
                }
            };
        }
        return new ArmSvc() {
            @Override
            public long handle(Emulator<?> caller) {
                return function.applyAsLong(caller.getContext());
            }
        };
    }

    /**
     * The class, name and message of the exception that a native method threw last; null if it
     * threw none.
     */
    String takeThrown() {
        String message = thrown;
        thrown = null;
        return message;
    }

    DvmClass type(String name) {
        return vm.resolveClass(name);
    }

    /** A direct buffer with some bytes. */
    DvmObject<?> direct(byte[] bytes) {
        return type("java/nio/ByteBuffer").newObject(new Buffer(copy(bytes), bytes.length));
    }

    UnidbgPointer copy(byte[] bytes) {
        MemoryBlock block = emulator.getMemory().malloc(bytes.length, true);
        block.getPointer().write(0, bytes, 0, bytes.length);
        return block.getPointer();
    }

    /** Calls a function of the runtime; its result as a pointer. */
    UnidbgPointer pointer(String name, Object... arguments) {
        Number result = runtime.callFunction(emulator, name, arguments);
        return UnidbgPointer.pointer(
                emulator, wide ? result.longValue() : result.intValue() & 0xffffffffL);
    }

    void check(String name, Object... arguments) {
        int status = runtime.callFunction(emulator, name, arguments).intValue();
        if (status != 0) {
            throw new IllegalStateException(name + " returned " + status);
        }
    }

    @Override
    public void close() throws Exception {
        emulator.close();
    }
}
