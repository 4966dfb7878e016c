package org.facesdk;

import android.content.Context;
import android.content.res.AssetFileDescriptor;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Locale;

/** Where model files come from: assets, files, buffers. */
final class Models {
    private static final int BLOCK = 1 << 16;

    private Models() {}

    /** An asset, mapped where it is stored without compression. */
    static ByteBuffer asset(Context context, String name) {
        try (AssetFileDescriptor descriptor = context.getAssets().openFd(name);
                FileInputStream stream = new FileInputStream(descriptor.getFileDescriptor())) {
            return stream.getChannel()
                    .map(
                            FileChannel.MapMode.READ_ONLY,
                            descriptor.getStartOffset(),
                            descriptor.getLength());
        } catch (IOException compressed) {
            return compressedAsset(context, name);
        }
    }

    private static ByteBuffer compressedAsset(Context context, String name) {
        try (InputStream stream = context.getAssets().open(name)) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            byte[] block = new byte[BLOCK];
            for (int count = stream.read(block); count >= 0; count = stream.read(block)) {
                bytes.write(block, 0, count);
            }
            ByteBuffer buffer = ByteBuffer.allocateDirect(bytes.size());
            buffer.put(bytes.toByteArray());
            buffer.rewind();
            return buffer;
        } catch (IOException error) {
            throw new ModelException(
                    "model asset "
                            + name
                            + " does not exist or cannot be read: "
                            + error.getMessage());
        }
    }

    static ByteBuffer file(File file) {
        if (!file.exists()) {
            throw new ModelException("model file " + file + " does not exist");
        }
        try (FileInputStream stream = new FileInputStream(file)) {
            FileChannel channel = stream.getChannel();
            return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
        } catch (IOException error) {
            throw new ModelException("cannot read model file " + file + ": " + error.getMessage());
        }
    }

    /** The whole buffer in memory that the native library can read. */
    static ByteBuffer direct(ByteBuffer buffer) {
        ByteBuffer view = buffer.duplicate();
        if (view.isDirect()) {
            return view.slice();
        }
        ByteBuffer copy = ByteBuffer.allocateDirect(view.remaining());
        copy.put(view);
        copy.rewind();
        return copy;
    }

    /**
     * What embeddings of a model go by: SHA-256 (hex) of the file as it was converted. A file that
     * was calibrated since holds that one, but for four bytes: the offset of its contract.
     *
     * @param numbers those of {@link NativeEngine#numbers}
     */
    static String digest(ByteBuffer content, double[] numbers) {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException error) {
            throw new AssertionError(error);
        }
        int length = (int) numbers[NativeEngine.ORIGINAL];
        if (length == 0) {
            digest.update(content.duplicate());
        } else {
            int at = (int) numbers[NativeEngine.ORIGINAL + 1];
            ByteBuffer offset = ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            offset.putInt(0, (int) (long) numbers[NativeEngine.ORIGINAL + 2]);
            digest.update(part(content, 0, at));
            digest.update(offset);
            digest.update(part(content, at + Integer.BYTES, length));
        }
        StringBuilder text = new StringBuilder();
        for (byte value : digest.digest()) {
            text.append(String.format(Locale.ROOT, "%02x", value & 0xff));
        }
        return text.toString();
    }

    private static ByteBuffer part(ByteBuffer content, int from, int to) {
        ByteBuffer view = content.duplicate();
        view.position(from);
        view.limit(to);
        return view;
    }
}
