"""What every gallery checks of the values that it is given, and makes of those that it found."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Container, Iterable, Sequence
from datetime import datetime, timezone

from facesdk.errors import EmbeddingMismatchError, InputError
from facesdk.gallery.gallery import Candidate, Identification, NewTemplate, PinnedModel
from facesdk.models.contract import Contract
from facesdk.recognition.identity import remedy, short
from facesdk.recognition.matching import require_embeddings
from facesdk.recognition.open_set import OperatingPoint
from facesdk.results import Embedding

MOST_NAME = 200
"""Most characters of a name."""

_MARK_BYTES = 16

_UNCLEAR = "the face is unclear to the model, which makes its similarities smaller"


def normal(name: str) -> str:
    """A name or id in Unicode's composed form (NFC), without blanks around it."""
    return unicodedata.normalize("NFC", name).strip()


def checked_name(name: str) -> str:
    """A person's name as it is stored, see :func:`normal`.

    Raises:
        InputError: It is empty, has more than :data:`MOST_NAME` characters, or one that cannot be
            seen (a control character, or what was no UTF-8).
    """
    found = normal(name)
    if not found:
        raise InputError("a person needs a name, but got an empty one")
    if len(found) > MOST_NAME:
        raise InputError(f"a name has {MOST_NAME} characters at most, but got {len(found)}")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in found):
        raise InputError(f"a name has no control characters, but got {name!r}")
    return found


def require_no_id(names: Iterable[str], ids: Container[str]) -> None:
    """Raise where a name is the id of somebody: who means one person would be given the other.

    Args:
        names: Of people who are to be enrolled.
        ids: Of those who are.

    Raises:
        InputError: A name is; the message has it.
    """
    for name in names:
        if name in ids:
            raise InputError(f"{name} is the id of somebody who is enrolled: give another name")


def require_values(new: NewTemplate) -> None:
    """Raise unless quality and times are in their ranges.

    Raises:
        InputError: One is not.
    """
    if not 0 <= new.quality <= 1:
        raise InputError(f"quality must be 0 to 1, but got {new.quality}")
    for name, moment in (("expires", new.expires), ("created", new.created)):
        if moment is not None:
            _require_moment(name, moment)


def _require_moment(name: str, moment: datetime) -> None:
    if moment.tzinfo is None:
        raise InputError(f"{name} must have a time zone, as datetime.now(timezone.utc) has")
    try:
        moment.astimezone(timezone.utc)
    except OverflowError:
        raise InputError(
            f"{name} must be in the years 1 to 9999 of UTC, but got {moment}: a template that "
            "never expires has None"
        ) from None


def require_model(where: str, model_id: str, contract: Contract, embedder: PinnedModel) -> None:
    """Raise unless a gallery is of an embedder's model.

    Args:
        where: What messages call the gallery.
        model_id: The gallery's model.
        contract: That model's contract.
        embedder: What will be used.

    Raises:
        EmbeddingMismatchError: It is another model's; the message says what to do.
    """
    if embedder.model_id != model_id:
        raise EmbeddingMismatchError(
            f"gallery {where} holds embeddings of {contract.name} ({short(model_id)}), which do "
            f"not compare with those of {embedder.name} ({short(embedder.model_id)}): use that "
            "model, or enrol everybody again into a new gallery, `facesdk enrol NAME PHOTO... "
            f"--gallery NEW --model MODEL`{remedy(model_id, embedder.model_id)}"
        )


def require_embedding(where: str, model_id: str, contract: Contract, embedding: Embedding) -> None:
    """Raise unless an embedding is of a gallery's model; arguments as of :func:`require_model`.

    Raises:
        EmbeddingMismatchError: It is another model's, or of another length.
        TypeError: It is no embedding.
    """
    require_embeddings(embedding)
    if embedding.model_id != model_id:
        raise EmbeddingMismatchError(
            f"the embedding was made by {embedding.model} ({short(embedding.model_id)}), but "
            f"gallery {where} holds those of {contract.name} ({short(model_id)})"
            f"{remedy(model_id, embedding.model_id)}"
        )
    if embedding.dim != contract.dim:
        raise EmbeddingMismatchError(
            f"the embedding has {embedding.dim} values, but those of gallery {where} have "
            f"{contract.dim}"
        )


def identification(
    probe: Embedding, candidates: Sequence[Candidate], point: OperatingPoint
) -> Identification:
    """The answer to a probe.

    Args:
        probe: The face that was searched for.
        candidates: The most similar people, falling.
        point: The threshold.
    """
    best = candidates[0] if candidates else None
    known = best is not None and best.similarity >= point.threshold
    unclear = "" if probe.is_clear else _UNCLEAR
    return Identification(
        person=best.person if best is not None and known else None,
        similarity=None if best is None else best.similarity,
        threshold=point.threshold,
        fmr=point.fmr,
        fpir=point.fpir,
        comparisons=point.comparisons,
        note="; ".join(filter(None, (point.note, unclear))),
        candidates=tuple(candidates),
    )


def mark(key: bytes, digest: bytes) -> bytes:
    """What is kept of a photo: see :meth:`facesdk.gallery.gallery.Gallery.mark`.

    Args:
        key: A secret of the gallery.
        digest: What the photo is known by.
    """
    return hmac.digest(key, b"photo" + digest, hashlib.sha256)[:_MARK_BYTES]
