"""Kills a program that changes a gallery, again and again, and looks at what is left.

    python kills.py FOLDER KILLS

Each child is forked, opens the gallery and changes it until it is killed with SIGKILL; it says what
it has done once that is done. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from facesdk.gallery.check import check
from sdk.gallery.people import face, new_gallery, open_again

MOST_SECONDS = 0.06


def work(folder: Path, out: int, seed: int) -> None:
    """Change the gallery for ever: enrol, at times forget somebody or change the key."""
    rng = random.Random(seed)
    with open_again(folder) as gallery:
        os.write(out, b"open\n")
        while True:
            what = rng.random()
            people = gallery.people()
            if what < 0.1 and len(people) > 20:
                name = rng.choice(people).name
                os.write(out, f"forgetting {name}\n".encode())
                gallery.forget(name)
                os.write(out, f"forgot {name}\n".encode())
            elif what < 0.2:
                gallery.rotate_key()
                os.write(out, b"rotated\n")
            else:
                number = rng.getrandbits(40)
                gallery.enrol(str(number), face(number), quality=0.5)
                os.write(out, f"enrolled {number}\n".encode())


def kill_once(folder: Path, rng: random.Random) -> list[list[str]]:
    """Start a child, kill it after a while, and return what it said."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        work(folder, write, rng.getrandbits(32))
    os.close(write)
    with os.fdopen(read) as said:
        said.readline()
        time.sleep(rng.random() * MOST_SECONDS)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return [line.split() for line in said.read().splitlines()]


def main(folder: Path, kills: int) -> None:
    rng = random.Random(7)
    new_gallery(folder).close()
    expected: set[str] = set()
    done = {"enrolled": 0, "forgetting": 0, "forgot": 0, "rotated": 0}
    lost: list[str] = []
    unsaid = wrong = unsound = 0
    for turn in range(kills):
        going = ""
        for what, *name in kill_once(folder, rng):
            done[what] += 1
            going = name[0] if what == "forgetting" else ""
            if what == "enrolled":
                expected.add(name[0])
            elif what == "forgot":
                expected.discard(name[0])
        with open_again(folder) as gallery:
            there = {row.name: row.embedding for row in gallery.snapshot()}
        # One change may have been made and not said: an enrolment, or the forgetting of somebody.
        added, removed = set(there) - expected, expected - set(there)
        lost += sorted(removed - {going})
        wrong += len(added) > 1
        unsaid += bool(added or removed)
        expected = set(there)
        wrong += sum(
            bool((there[name].vector != face(int(name)).vector).any())
            for name in rng.sample(sorted(there), min(5, len(there)))
        )
        if turn % 20 == 19 or turn == kills - 1:
            found = check(folder / "gallery.db", key=folder / "keys")
            unsound += not found
    print(
        json.dumps(
            {
                "kills": kills,
                **done,
                "there": len(expected),
                "unsaid": unsaid,
                "lost": lost,
                "wrong": wrong,
                "unsound": unsound,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
