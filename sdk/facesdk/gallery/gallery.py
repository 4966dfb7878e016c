"""What a gallery is: who is enrolled, and the question of whom a face belongs to.

Terms follow ISO/IEC 19795-1: a *template* is the stored embedding of one photo, a *probe* is the
face that is asked about, and the search is *open-set*: the answer may be that nobody fits. The
*false positive identification rate* (FPIR) is the share of probes of people who are not enrolled
that the gallery nevertheless gives a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol

from facesdk.models.contract import Contract
from facesdk.results import Embedding

DEFAULT_FPIR = 0.01
"""The false positive identification rate that is aimed at where nobody chooses another."""

DEFAULT_TOP = 5
"""How many candidates a search returns where nobody chooses another number."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is enrolled.

    Attributes:
        id: 16 hexadecimal digits, drawn at random; never given twice.
        name: What the person is called; unique in a gallery.
        templates: Number of stored templates.
        created: When the first of them was enrolled (UTC).
        expires: When the last of them stops being compared (UTC); None if one never does.
    """

    id: str
    name: str
    templates: int
    created: datetime
    expires: datetime | None

    def to_dict(self) -> dict[str, Any]:
        """The record that ``facesdk people --json`` prints."""
        return {
            "id": self.id,
            "name": self.name,
            "templates": self.templates,
            "created": self.created.isoformat(),
            "expires": self.expires and self.expires.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Template:
    """A stored embedding, without its numbers.

    Attributes:
        id: Its number in the gallery; never given twice.
        person: Id of the person.
        name: Name of the person.
        created: When it was enrolled (UTC).
        expires: From when on it is not compared any more (UTC); None for never.
        quality: Quality of the face in the photo, 0 to 1.
    """

    id: int
    person: str
    name: str
    created: datetime
    expires: datetime | None
    quality: float

    def to_dict(self) -> dict[str, Any]:
        """The record that ``facesdk enrol --json`` prints for a photo."""
        return {
            "number": self.id,
            "person": {"id": self.person, "name": self.name},
            "created": self.created.isoformat(),
            "expires": self.expires and self.expires.isoformat(),
            "quality_score": round(self.quality, 4),
        }


class PinnedModel(Protocol):
    """What a gallery asks of a recognition model; an embedder has it."""

    @property
    def model_id(self) -> str:
        """SHA-256 (hex) of the model file."""

    @property
    def contract(self) -> Contract:
        """The model's contract."""

    @property
    def name(self) -> str:
        """The model's name."""


@dataclass(frozen=True, slots=True)
class NewTemplate:
    """What is to be enrolled.

    Attributes:
        name: Name of the person; one who is enrolled under it gets another template.
        embedding: The face.
        quality: Quality of the face in the photo, 0 to 1.
        expires: From when on it is not compared any more, with a time zone; None for never.
        photo: What :meth:`Gallery.mark` makes of the photo; None where that is not kept.
        created: When it was enrolled, with a time zone; None for now.
    """

    name: str
    embedding: Embedding
    quality: float
    expires: datetime | None = None
    photo: bytes | None = None
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody whom a probe may show.

    Attributes:
        person: Who.
        similarity: Cosine similarity, -1 to 1, after the gallery's rule for several templates.
    """

    person: Person
    similarity: float

    def to_dict(self) -> dict[str, Any]:
        """Id and name of the person, and the similarity."""
        return {
            "id": self.person.id,
            "name": self.person.name,
            "similarity": self.similarity,
        }


@dataclass(frozen=True, slots=True)
class Identification:
    """Whose face a probe is; true where it is somebody's.

    Attributes:
        person: Who it is; None for somebody who is not enrolled.
        similarity: Similarity of the best candidate; None where nobody is enrolled.
        threshold: From which similarity a candidate is the person.
        fmr: The false match rate that the model's contract states for the threshold, or for the
            highest of its thresholds that is not above it; None where none is that low.
        fpir: The rate of false names that follows for a gallery of this size, at most; None where
            ``fmr`` is None.
        comparisons: Number of comparisons behind ``fpir``.
        note: What the caller should know of the threshold, or of an unclear face, in a sentence;
            empty for nothing.
        candidates: The most similar people, falling, whether or not they reach the threshold.
    """

    person: Person | None
    similarity: float | None
    threshold: float
    fmr: float | None
    fpir: float | None
    comparisons: int
    note: str
    candidates: tuple[Candidate, ...]

    def __bool__(self) -> bool:
        """Whether it is somebody: ``if found`` is ``if found.person is not None``."""
        return self.person is not None

    def to_dict(self) -> dict[str, Any]:
        """The record that ``facesdk identify --json`` prints, without the face."""
        return {
            "person": self.person and {"id": self.person.id, "name": self.person.name},
            "similarity": self.similarity,
            "threshold": self.threshold,
            "fmr": self.fmr,
            "fpir": self.fpir,
            "comparisons": self.comparisons,
            "note": self.note,
            "candidates": [candidate.to_dict() for candidate in self.candidates],
        }


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was removed.

    Attributes:
        people: Number of people who are not enrolled any more.
        templates: Number of templates removed.
        erased: Whether their bytes left the files. False where another program was reading: they
            leave when every program has closed the gallery.
    """

    people: int
    templates: int
    erased: bool

    def to_dict(self) -> dict[str, Any]:
        """The record that ``facesdk forget --json`` prints."""
        return {"people": self.people, "templates": self.templates, "erased": self.erased}


class Gallery(Protocol):
    """People who are enrolled with one model, wherever they are stored.

    Threads may share a gallery. What another program changes is seen by the next call.
    """

    @property
    def model_id(self) -> str:
        """SHA-256 (hex) of the model whose embeddings it holds; no other is taken."""

    @property
    def contract(self) -> Contract:
        """The contract whose thresholds decide: that of the embedder it was opened with, which may
        have been calibrated since; without one, the contract of when the gallery was made.
        """

    def enrol(
        self, name: str, embedding: Embedding, *, quality: float, expires: datetime | None = None
    ) -> Template:
        """Store a template; when this returns, it is on the disk.

        Args:
            name: The person; one who is enrolled under that name gets another template.
            embedding: The face, by the gallery's model.
            quality: Quality of the face in the photo, 0 to 1.
            expires: From when on it is not compared any more, with a time zone; None for never.

        Raises:
            EmbeddingMismatchError: The embedding is another model's.
            InputError: The name is empty, has a control character, is longer than 200 characters,
                or is the id of somebody who is enrolled; or another value is out of its range.
        """

    def enrol_many(self, new: Sequence[NewTemplate]) -> tuple[Template, ...]:
        """Store several templates in one transaction: all of them, or none; errors as above."""

    def mark(self, digest: bytes) -> bytes:
        """What is kept of a photo, to know it again: nobody without the gallery's key can.

        Args:
            digest: SHA-256 of the photo's file, and of what of it is enrolled as whom.
        """

    def holds(self, mark: bytes) -> bool:
        """Whether a photo of this mark is enrolled, and has not expired."""

    def people(self) -> tuple[Person, ...]:
        """Who is enrolled, by name."""

    def person(self, name_or_id: str) -> Person | None:
        """Who is enrolled under an id, else under a name; None where nobody is."""

    def forget(self, name_or_id: str) -> Forgotten:
        """Remove a person with all templates.

        Args:
            name_or_id: Who; an id counts before a name.

        Raises:
            InputError: Nobody has that name or id.
        """

    def forget_expired(self) -> Forgotten:
        """Remove the templates that have expired, and the people who then have none."""

    def identify(
        self,
        embedding: Embedding,
        *,
        top: int = DEFAULT_TOP,
        fpir: float = DEFAULT_FPIR,
        fmr: float | None = None,
        threshold: float | None = None,
        rule: str = "max",
    ) -> Identification:
        """Search for the person whose face a probe is.

        Args:
            embedding: The probe, by the gallery's model.
            top: Most candidates to return, at least 1.
            fpir: Use the lowest of the contract's thresholds that keeps the false positive
                identification rate at most at this, above 0 and below 1.
            fmr: Use the contract's threshold for this false match rate instead, whatever the size
                of the gallery.
            threshold: Use this similarity instead, -1 to 1.
            rule: One of :data:`facesdk.recognition.open_set.RULES`.

        Raises:
            EmbeddingMismatchError: The probe is another model's.
            InputError: A value is out of its range, or the contract has no threshold.
        """

    def close(self) -> None:
        """Release files and connections; the gallery cannot be used afterwards."""

    def __enter__(self) -> Gallery: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
