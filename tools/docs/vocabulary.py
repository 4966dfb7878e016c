"""The page of JSON keys, from the one list of them.

    python -m tools.docs.vocabulary > docs/use/json.md

A test compares the page in the repository with this.
"""

from __future__ import annotations

from collections.abc import Iterator

from facesdk.cli.vocabulary import FILES, KEYS, RECORDS, VERBS
from tools.docs import printing

_HEAD = """# What verbs print with --json

Names mean the same in every verb, and each has one type. `facesdk schema VERB` prints the JSON
schema of a verb, `facesdk schema` lists them. What the events of live recognition mean stands in
[live](live.md); requests to the service have OpenAPI ([serve](serve.md)). `convert` is all of its
targets. `compress`, `advise`, `convert explain`, `data` and `train run` say on their own pages what
they print.

This page is generated (`python -m tools.docs.vocabulary`).
"""


def page() -> str:
    """The page, Markdown."""
    return "\n".join([_HEAD, *_sections()])


def _sections() -> Iterator[str]:
    yield "## Verbs\n\n| verb | prints | names |\n| --- | --- | --- |"
    for verb, output in VERBS.items():
        names = "; or ".join(map(_list, (output.names, *output.otherwise)))
        yield f"| `{verb}` | {output.form} | {names} |"
    for name, path in FILES.items():
        yield f"| `{name}` | | [`{path}`](../../sdk/facesdk/{path}) |"
    yield "\n## Records within\n\n| record | names |\n| --- | --- |"
    for name, names in RECORDS.items():
        yield f"| {name} | {_list(names)} |"
    yield "\n## Names\n\n| name | type | meaning |\n| --- | --- | --- |"
    for name, (kind, meaning) in sorted(KEYS.items()):
        yield f"| `{name}` | {_words(kind)} | {meaning} |"
    yield ""


def _list(names: str) -> str:
    return ", ".join(
        f"`{name.rstrip('?')}`{' (not always)' if name.endswith('?') else ''}"
        for name in names.split()
    )


def _words(kind: str) -> str:
    if kind.endswith("[]"):
        return f"list of {_words(kind[:-2])}"
    if kind.endswith("{}"):
        return f"map to {_words(kind[:-2])}"
    if kind.endswith("?"):
        return f"{_words(kind[:-1])} or null"
    plain = {"whole": "whole number", "flag": "true or false"}
    return plain.get(kind, kind)


if __name__ == "__main__":
    printing.run(__doc__, page)
