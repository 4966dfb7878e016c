package org.facesdk;

import android.security.keystore.KeyGenParameterSpec;
import android.security.keystore.KeyProperties;

import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.ProviderException;

import javax.crypto.KeyGenerator;
import javax.crypto.SecretKey;

/** An AES-256 key that never leaves Android's Keystore: in hardware where the phone has some. */
final class AndroidKeystore implements KeySource {
    private static final String PROVIDER = "AndroidKeyStore";
    private static final int KEY_BITS = 256;

    private final String alias;

    AndroidKeystore(String alias) {
        this.alias = alias;
    }

    @Override
    public SecretKey key() throws GeneralSecurityException {
        try {
            SecretKey kept = (SecretKey) store().getKey(alias, null);
            return kept != null ? kept : made();
        } catch (ProviderException error) { // unchecked: the Keystore's own way to fail
            throw new GeneralSecurityException(error.getMessage(), error);
        }
    }

    /** Removes the key: what was encrypted by it cannot be read any more, wherever it is. */
    void forget() throws GeneralSecurityException {
        try {
            store().deleteEntry(alias);
        } catch (ProviderException error) {
            throw new GeneralSecurityException(error.getMessage(), error);
        }
    }

    private static KeyStore store() throws GeneralSecurityException {
        KeyStore store = KeyStore.getInstance(PROVIDER);
        try {
            store.load(null);
        } catch (IOException error) {
            throw new GeneralSecurityException(error);
        }
        return store;
    }

    private SecretKey made() throws GeneralSecurityException {
        KeyGenerator generator =
                KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, PROVIDER);
        generator.init(
                new KeyGenParameterSpec.Builder(
                                alias,
                                KeyProperties.PURPOSE_ENCRYPT | KeyProperties.PURPOSE_DECRYPT)
                        .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
                        .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
                        .setKeySize(KEY_BITS)
                        .build());
        return generator.generateKey();
    }
}
