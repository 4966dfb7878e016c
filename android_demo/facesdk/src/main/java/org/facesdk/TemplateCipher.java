package org.facesdk;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.ProviderException;
import java.util.Arrays;

import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;

/**
 * AES-GCM: a byte with the length of the nonce, the nonce, then the encrypted content with its tag.
 */
final class TemplateCipher {
    private static final String TRANSFORMATION = "AES/GCM/NoPadding";
    private static final int TAG_BITS = 128;

    private final SecretKey key;

    TemplateCipher(SecretKey key) {
        this.key = key;
    }

    /**
     * Encrypts.
     *
     * @param place what the content belongs to: it can be decrypted there only
     */
    byte[] encrypt(byte[] content, String place) throws GeneralSecurityException {
        try {
            return encrypted(content, place);
        } catch (ProviderException error) { // unchecked: the Keystore's own way to fail
            throw new GeneralSecurityException(error.getMessage(), error);
        }
    }

    private byte[] encrypted(byte[] content, String place) throws GeneralSecurityException {
        Cipher cipher = Cipher.getInstance(TRANSFORMATION);
        cipher.init(
                Cipher.ENCRYPT_MODE,
                key); // the provider draws the nonce, which Android's Keystore insists on
        cipher.updateAAD(place.getBytes(StandardCharsets.UTF_8));
        byte[] encrypted = cipher.doFinal(content);
        byte[] nonce = cipher.getIV();
        byte[] result = new byte[1 + nonce.length + encrypted.length];
        result[0] = (byte) nonce.length;
        System.arraycopy(nonce, 0, result, 1, nonce.length);
        System.arraycopy(encrypted, 0, result, 1 + nonce.length, encrypted.length);
        return result;
    }

    /** Decrypts; fails if a bit was changed, or the content was moved to another place. */
    byte[] decrypt(byte[] encrypted, String place) throws GeneralSecurityException {
        int start = 1 + (encrypted.length > 0 ? encrypted[0] & 0xff : 0);
        if (encrypted.length - start < TAG_BITS / Byte.SIZE || start < 2) {
            throw new GeneralSecurityException("it is too short");
        }
        try {
            Cipher cipher = Cipher.getInstance(TRANSFORMATION);
            byte[] nonce = Arrays.copyOfRange(encrypted, 1, start);
            cipher.init(Cipher.DECRYPT_MODE, key, new GCMParameterSpec(TAG_BITS, nonce));
            cipher.updateAAD(place.getBytes(StandardCharsets.UTF_8));
            return cipher.doFinal(encrypted, start, encrypted.length - start);
        } catch (ProviderException error) {
            throw new GeneralSecurityException(error.getMessage(), error);
        }
    }
}
