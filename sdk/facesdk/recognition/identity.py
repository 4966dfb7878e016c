"""What embeddings go by: the model's id, and the version of the pixel functions that cut the crops.

A network whose activations have one bit gives another vector for a crop of other bytes
(docs/numbers/pixels.md), so embeddings of two versions must not be compared. The version is part
of the id: whatever refuses embeddings of another model, a gallery or a file of saved embeddings,
refuses those of other pixels too. Version 1 adds nothing: ids of before it stay valid.
"""

from __future__ import annotations

from facesdk.images import pixels

_MARK = "-pixels"


def embeddings_id(model_id: str) -> str:
    """The id of embeddings that this facesdk makes with a model.

    Args:
        model_id: SHA-256 (hex) of the model as it was converted.

    Returns:
        ``model_id`` with version 1 of the pixel functions, followed by ``-pixelsN`` with version N.
    """
    return model_id if pixels.VERSION == 1 else f"{model_id}{_MARK}{pixels.VERSION}"


def short(embeddings: str) -> str:
    """An id for a message: the first 12 digits, and the pixels' version unless it is 1."""
    model, mark, version = embeddings.partition(_MARK)
    return model[:12] + mark + version


def remedy(a: str, b: str) -> str:
    """Why embeddings of two ids do not compare, if only the pixels differ; empty otherwise.

    Returns:
        The end of a message, which begins with a semicolon.
    """
    if a == b or a.partition(_MARK)[0] != b.partition(_MARK)[0]:
        return ""
    return (
        "; the model is the same, but the crops were cut by versions of facesdk whose pixels "
        "differ: embed the photos again"
    )
