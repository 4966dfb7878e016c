package org.facesdk.demo;

import android.security.keystore.KeyGenParameterSpec;

import java.io.InputStream;
import java.io.OutputStream;
import java.security.Key;
import java.security.KeyStoreSpi;
import java.security.Provider;
import java.security.ProviderException;
import java.security.SecureRandom;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.spec.AlgorithmParameterSpec;
import java.util.Collections;
import java.util.Date;
import java.util.Enumeration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import javax.crypto.KeyGenerator;
import javax.crypto.KeyGeneratorSpi;
import javax.crypto.SecretKey;

/**
 * Stands for Android's Keystore, which a host JVM has not: keys by alias, in memory, for as long as
 * the tests run.
 */
public final class FakeKeystore extends Provider {
    private static final String NAME = "AndroidKeyStore";
    private static final int BITS = 256;
    private static final Map<String, SecretKey> KEYS = new ConcurrentHashMap<>();

    private static volatile boolean broken;

    private FakeKeystore() {
        super(NAME, "1", "keys in memory, for tests");
        put("KeyStore." + NAME, Store.class.getName());
        put("KeyGenerator.AES", Generator.class.getName());
    }

    /** Adds the provider, unless it is there. */
    static void install() {
        if (Security.getProvider(NAME) == null) {
            Security.addProvider(new FakeKeystore());
        }
    }

    /** Whether the store and the use of its keys fail from now on, as Android's does: unchecked. */
    public static void setBroken(boolean now) {
        broken = now;
    }

    /** Loses all keys, as when an app's data is restored on another phone. */
    public static void lose() {
        KEYS.clear();
    }

    private static void work() {
        if (broken) {
            throw new ProviderException("Keystore operation failed");
        }
    }

    /** A key that is only used through the store. */
    private static final class Kept implements SecretKey {
        private static final long serialVersionUID = 1L;

        private final SecretKey key;

        Kept(SecretKey key) {
            this.key = key;
        }

        @Override
        public String getAlgorithm() {
            return key.getAlgorithm();
        }

        @Override
        public String getFormat() {
            return key.getFormat();
        }

        @Override
        public byte[] getEncoded() {
            work();
            return key.getEncoded();
        }
    }

    /** Makes keys and keeps them. */
    public static final class Generator extends KeyGeneratorSpi {
        private String alias;

        @Override
        protected void engineInit(AlgorithmParameterSpec parameters, SecureRandom random) {
            alias = ((KeyGenParameterSpec) parameters).getKeystoreAlias();
        }

        @Override
        protected void engineInit(SecureRandom random) {
            throw new UnsupportedOperationException("a key has an alias");
        }

        @Override
        protected void engineInit(int size, SecureRandom random) {
            throw new UnsupportedOperationException("a key has an alias");
        }

        @Override
        protected SecretKey engineGenerateKey() {
            work();
            try {
                KeyGenerator maker = KeyGenerator.getInstance("AES", "SunJCE");
                maker.init(BITS);
                SecretKey key = new Kept(maker.generateKey());
                KEYS.put(alias, key);
                return key;
            } catch (java.security.GeneralSecurityException error) {
                throw new IllegalStateException(error);
            }
        }
    }

    /** Gives the kept keys. */
    public static final class Store extends KeyStoreSpi {
        @Override
        public Key engineGetKey(String alias, char[] password) {
            work();
            return KEYS.get(alias);
        }

        @Override
        public boolean engineContainsAlias(String alias) {
            return KEYS.containsKey(alias);
        }

        @Override
        public boolean engineIsKeyEntry(String alias) {
            return KEYS.containsKey(alias);
        }

        @Override
        public Enumeration<String> engineAliases() {
            return Collections.enumeration(KEYS.keySet());
        }

        @Override
        public int engineSize() {
            return KEYS.size();
        }

        @Override
        public void engineDeleteEntry(String alias) {
            work();
            KEYS.remove(alias);
        }

        @Override
        public void engineLoad(InputStream stream, char[] password) {}

        @Override
        public void engineStore(OutputStream stream, char[] password) {}

        @Override
        public Certificate[] engineGetCertificateChain(String alias) {
            return null;
        }

        @Override
        public Certificate engineGetCertificate(String alias) {
            return null;
        }

        @Override
        public Date engineGetCreationDate(String alias) {
            return null;
        }

        @Override
        public void engineSetKeyEntry(String alias, Key key, char[] password, Certificate[] chain) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void engineSetKeyEntry(String alias, byte[] key, Certificate[] chain) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void engineSetCertificateEntry(String alias, Certificate certificate) {
            throw new UnsupportedOperationException();
        }

        @Override
        public boolean engineIsCertificateEntry(String alias) {
            return false;
        }

        @Override
        public String engineGetCertificateAlias(Certificate certificate) {
            return null;
        }
    }
}
