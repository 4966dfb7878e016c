package org.facesdk;

import org.jetbrains.annotations.NotNull;

/** A model carries no contract, or one that this version cannot read. */
public final class ContractException extends ModelException {
    private static final long serialVersionUID = 1L;

    /** With the sentence that says why. */
    public ContractException(@NotNull String message) {
        super(message);
    }
}
