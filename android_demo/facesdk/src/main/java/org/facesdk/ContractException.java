package org.facesdk;

import org.facesdk.annotation.NonNull;

/** A model carries no contract, or one that this version cannot read. */
public final class ContractException extends ModelException {
    private static final long serialVersionUID = 1L;

    public ContractException(@NonNull String message) {
        super(message);
    }
}
