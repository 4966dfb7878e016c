"""Which photos of a folder show the person of a photo? The likest first.

python examples/compare_folder.py ann.jpg photos/ --workers 4
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from facesdk import FaceEngine


def main() -> None:
    """Print a line per photo that has a face, those that match marked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("person")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=2, help="photos at a time")
    arguments = parser.parse_args()

    engine = FaceEngine.load(workers=arguments.workers)
    person = engine.embed(arguments.person)
    photos = sorted(arguments.folder.glob("*.jpg"))
    found = []
    for row in engine.embed_many(photos, workers=arguments.workers):
        if row.embedding is None:
            print(f"left out: {row.error}", file=sys.stderr)
        else:
            found.append((engine.compare(person, row.embedding), row.image))
    for match, photo in sorted(found, key=lambda pair: -pair[0].similarity):
        print(f"{match.similarity:7.3f} {'same' if match else '    '} {photo}")


if __name__ == "__main__":
    main()
