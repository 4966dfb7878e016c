"""Enrolment from a camera: the first pictures that are good enough, some time apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from facesdk.engine import FaceEngine
from facesdk.gallery.enrolment import Enrolment, embed_for_enrolment, suspicions
from facesdk.gallery.gallery import Gallery
from facesdk.images.decode import RgbImage
from facesdk.images.decoded import DecodedPhoto

APART = 0.7
"""Seconds between two pictures that are enrolled, so that they are not the same picture twice."""


def enrol_pictures(
    gallery: Gallery,
    engine: FaceEngine,
    name: str,
    pictures: Iterable[tuple[float, RgbImage]],
    *,
    count: int,
    seconds: float,
    expires: datetime | None = None,
) -> Iterator[Enrolment]:
    """Enrol a person from the pictures of a camera or a film.

    Pictures that are refused are reported when the reasons are others than those of the last one.

    Args:
        gallery: Where to.
        engine: Finds and embeds the face, with the gallery's model.
        name: The person.
        pictures: The time of each picture in seconds, and the picture.
        count: Templates to enrol, at least 1; then it ends.
        seconds: After this time of pictures it ends in any case.
        expires: From when on the templates are not compared any more; None for never.

    Returns:
        An iterator of what became of pictures, called by their times.

    Raises:
        InputError: The name is not usable.
        EmbeddingMismatchError: The engine's model is not the gallery's.
    """
    first: float | None = None
    last: float | None = None
    told: tuple[str, ...] = ()
    for time, picture in pictures:
        first = time if first is None else first
        if time - first > seconds:
            return
        if last is not None and time - last < APART:
            continue
        chosen = embed_for_enrolment(engine, DecodedPhoto.of(picture))
        image = f"picture at {time - first:.1f} s"
        if chosen.embedding is None or chosen.quality is None:
            what = tuple(reason.partition(":")[0] for reason in chosen.reasons)
            if what != told:
                yield Enrolment(image, None, chosen.quality, chosen.reasons)
            told = what
            continue
        warnings = suspicions(gallery, name, chosen.embedding)
        template = gallery.enrol(
            name, chosen.embedding, quality=chosen.quality.score, expires=expires
        )
        yield Enrolment(image, template, chosen.quality, (), warnings)
        last, told, count = time, (), count - 1
        if not count:
            return
