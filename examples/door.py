"""A door that knows its people: enrol them once into a file, then ask of each picture who it is.

python examples/door.py enrol people.npz ann.jpg bob.jpg
python examples/door.py open people.npz door-1.jpg door-2.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

from facesdk import FaceEngine, InputError, SavedEmbeddings


def enrol(engine: FaceEngine, store: Path, photos: list[Path]) -> None:
    """Embed a good photo of each person; its file name is the person's name."""
    people = {}
    for photo in photos:
        quality = engine.quality(photo)
        if not quality:
            raise SystemExit(f"{photo} is not good enough: {'; '.join(quality.reasons)}")
        people[photo.stem] = engine.embed(photo)
    SavedEmbeddings.collect(people).save(store)


def ask(engine: FaceEngine, store: Path, pictures: list[Path], fmr: float) -> None:
    """Say of each picture who it is, or why nobody can say."""
    people = SavedEmbeddings.load(store).embeddings()
    for picture in pictures:
        try:
            quality = engine.quality(picture)
            if not quality:
                print(f"{picture}: come closer, please ({quality.reasons[0]})")
                continue
            seen = engine.embed(picture)
        except InputError as error:  # no face, or no photo: a door sees that every day
            print(error)
            continue
        matches = {name: engine.compare(face, seen, fmr=fmr) for name, face in people.items()}
        name, match = max(matches.items(), key=lambda row: row[1].similarity)
        print(f"{picture}: {f'welcome, {name}' if match else 'unknown'} ({match.similarity:.2f})")


def main() -> None:
    """Enrol, or open."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("enrol", "open"))
    parser.add_argument("store", type=Path, help="the file of the enrolled faces, .npz")
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--model", default="compactfacenet-qb")
    parser.add_argument("--fmr", type=float, default=1e-3, help="share of strangers that may pass")
    arguments = parser.parse_args()
    engine = FaceEngine.load(arguments.model)
    if arguments.what == "enrol":
        enrol(engine, arguments.store, arguments.photos)
    else:
        ask(engine, arguments.store, arguments.photos, arguments.fmr)


if __name__ == "__main__":
    main()
