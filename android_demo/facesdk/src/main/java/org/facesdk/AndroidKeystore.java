package org.facesdk;

import android.security.keystore.KeyGenParameterSpec;
import android.security.keystore.KeyProperties;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
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
        KeyStore store = KeyStore.getInstance(PROVIDER);
        try {
            store.load(null);
        } catch (IOException error) {
            throw new GeneralSecurityException(error);
        }
        SecretKey kept = (SecretKey) store.getKey(alias, null);
        if (kept != null) {
            return kept;
        }
        KeyGenerator generator = KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, PROVIDER);
        generator.init(new KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_ENCRYPT | KeyProperties.PURPOSE_DECRYPT)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .setKeySize(KEY_BITS)
            .build());
        return generator.generateKey();
    }
}
