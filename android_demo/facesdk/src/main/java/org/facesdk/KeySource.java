package org.facesdk;

import java.security.GeneralSecurityException;

import javax.crypto.SecretKey;

/** Where the key of a gallery comes from. */
interface KeySource {
    /** The key, made on first use. */
    SecretKey key() throws GeneralSecurityException;
}
