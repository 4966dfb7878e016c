"""Enrol a person once, then say of each picture of a camera whether it shows that person.

python examples/enrol_and_compare.py ann.jpg door-1.jpg door-2.jpg
"""

from __future__ import annotations

import argparse

from facesdk import FaceEngine
from facesdk.errors import InputError


def main() -> None:
    """Print a line per picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("person", help="the photo to enrol from")
    parser.add_argument("pictures", nargs="+", help="pictures of the camera, in their order")
    parser.add_argument("--fmr", type=float, default=1e-3, help="share of strangers that may pass")
    arguments = parser.parse_args()

    engine = FaceEngine.load()
    enrolled = engine.embed(arguments.person)
    for picture in arguments.pictures:
        try:
            match = engine.compare(enrolled, engine.embed(picture), fmr=arguments.fmr)
        except InputError as error:  # no face, or no photo: a door sees that every day
            print(f"{picture}: {error}")
            continue
        print(f"{picture}: {'welcome' if match else 'unknown'}, similarity {match.similarity:.3f}")


if __name__ == "__main__":
    main()
