"""Which crops to use, and for what."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facesdk.images.photo_source import Photo
from facesdk.progress import Progress, unwatched
from facesdk_training.preparation.cropping import CropOutcome
from facesdk_training.preparation.duplicates import first_of_equals, first_of_similar


@dataclass(frozen=True, slots=True)
class SelectionRules:
    """What is left out, and what is held out.

    Attributes:
        near_duplicate_bits: Crops whose perceptual hashes differ in at most that many of the 256
            bits count as the same photo; None keeps near duplicates.
        min_images: Least crops per person; unlabelled crops are not counted by it.
        validation_images: Crops per person held out for validation; a person with fewer than one
            more than that gives none.
    """

    near_duplicate_bits: int | None
    min_images: int
    validation_images: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """A photo that is not used.

    Attributes:
        number: The photo.
        reason: One word; the report counts them.
        detail: In words.
        of: The photo it repeats, for duplicates.
    """

    number: int
    reason: str
    detail: str
    of: int | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """The photos to use, by their numbers, in an order that only their content decides.

    Attributes:
        train: For training.
        validation: For validation.
        dropped: The others, by number.
        identities: Names of the people, in alphabetical order.
    """

    train: tuple[int, ...]
    validation: tuple[int, ...]
    dropped: tuple[Dropped, ...]
    identities: tuple[str, ...]


def select(
    photos: Sequence[Photo],
    outcomes: Mapping[int, CropOutcome],
    rules: SelectionRules,
    progress: Progress = unwatched,
) -> Selection:
    """Apply the rules to the crops.

    Of duplicates the first is kept, labelled ones before unlabelled ones. Crops held out are those
    with the smallest SHA-256, so more photos of one person change nothing for others, and the order
    of the result mixes the people.

    Args:
        photos: All photos.
        outcomes: What became of each that was looked at, by number.
        rules: The rules.
        progress: Told how many crops were compared with all others.
    """
    dropped = [Dropped(n, o.reason, o.detail) for n, o in outcomes.items() if o.reason]
    usable = [number for number, outcome in outcomes.items() if not outcome.reason]
    usable.sort(key=lambda number: (not photos[number].identity, number))
    usable = _without_repeats(
        "duplicate", photos, usable, first_of_equals([outcomes[n].sha256 for n in usable]), dropped
    )
    if rules.near_duplicate_bits is not None:
        hashes = [outcomes[n].perceptual for n in usable]
        firsts = first_of_similar(hashes, rules.near_duplicate_bits, progress)
        usable = _without_repeats("near_duplicate", photos, usable, firsts, dropped)
    images = Counter(photos[n].identity for n in usable)
    few = {name for name, count in images.items() if name and count < rules.min_images}
    dropped += [
        Dropped(n, "few_images", f"{images[photos[n].identity]} usable photos of this person")
        for n in usable
        if photos[n].identity in few
    ]
    usable = [n for n in usable if photos[n].identity not in few]
    usable.sort(key=lambda number: outcomes[number].sha256)
    held_out = _held_out(photos, usable, rules.validation_images)
    return Selection(
        tuple(n for n in usable if n not in held_out),
        tuple(n for n in usable if n in held_out),
        tuple(sorted(dropped, key=lambda row: row.number)),
        tuple(sorted({photos[n].identity for n in usable} - {""})),
    )


def _without_repeats(
    reason: str,
    photos: Sequence[Photo],
    numbers: Sequence[int],
    firsts: Sequence[int],
    dropped: list[Dropped],
) -> list[int]:
    kept = []
    for position, first in enumerate(firsts):
        number, original = numbers[position], numbers[first]
        if first == position:
            kept.append(number)
            continue
        names = photos[number].identity, photos[original].identity
        conflict = " under another name" if all(names) and names[0] != names[1] else ""
        detail = f"repeats {photos[original].source}{conflict}"
        dropped.append(Dropped(number, reason, detail, original))
    return kept


def _held_out(photos: Sequence[Photo], numbers: Sequence[int], images: int) -> set[int]:
    of_person = defaultdict(list)
    for number in numbers:
        of_person[photos[number].identity].append(number)
    of_person.pop("", None)
    return {n for rows in of_person.values() if len(rows) > images for n in rows[:images]}
