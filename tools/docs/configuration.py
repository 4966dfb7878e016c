"""The page of training configurations, from the dataclasses that read them.

    python -m tools.docs.configuration > docs/train/configuration.md

A test compares the page in the repository with this.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from facesdk_training.config.reference import Key, keys
from tools.docs import printing

_HEAD = """# Configuration of a training run

A training run is asked for in a TOML file: `facesdk train run my.toml`. To start from a shipped
[recipe](train.md#configurations), write it whole with `facesdk train show-config RECIPE > my.toml`;
`--set schedule.learning_rate=0.001` changes one key. `network` and `objective` must be given, all
other keys have defaults. A key that does not exist, or a value that is not allowed, is named before
any data is read.

"The paper" is that of FaceResNet ([architectures.md](architectures.md)).

This page is generated from the code that reads the file (`python -m tools.docs.configuration`).
"""
_TITLES = {
    "": "Keys of the file itself",
    "stages": "`[[stages]]`, several times",
    "distortions": "`[[distortions]]`, several times",
}


def page() -> str:
    """The page, Markdown."""
    return "\n".join([_HEAD, *_sections()])


def _sections() -> Iterator[str]:
    for table, rows in groupby(keys(), key=lambda key: key.table):
        name, _, which = table.partition(" ")
        title = _TITLES.get(table, f"`[{name}]`{f' {which}' if which else ''}")
        yield f"## {title}\n"
        yield "| key | value | default | meaning |\n| --- | --- | --- | --- |"
        yield from map(_row, rows)
        yield ""


def _row(key: Key) -> str:
    allowed = ", ".join(f"`{value}`" for value in key.allowed)
    default = f"`{key.default}`" if key.default else ""
    meaning = key.meaning.replace("``", "`").replace("|", "\\|")
    return f"| `{key.name}` | {allowed or key.kind} | {default} | {meaning} |"


if __name__ == "__main__":
    printing.run(__doc__, page)
