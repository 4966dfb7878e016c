"""The page of errors names every exception with its base and status, and every status."""

from __future__ import annotations

import re
from pathlib import Path

import facesdk
from facesdk import errors

PAGE = (Path(__file__).parents[2] / "docs/use/errors.md").read_text()
ROWS = {
    name: (base.strip("` "), int(status))
    for name, base, status in re.findall(r"^\| `(\w+)` \| ([^|]*?) ?\| (\d+) \|", PAGE, re.M)
}
KINDS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.FaceSDKError)
}


def test_every_exception_is_public_and_in_the_table() -> None:
    assert ROWS.keys() == KINDS.keys()
    for name, kind in KINDS.items():
        base, status = ROWS[name]
        assert getattr(facesdk, name) is kind
        assert name in facesdk.__all__
        assert status == kind.exit_code
        assert base == ("" if kind is errors.FaceSDKError else kind.__base__.__name__)


def test_every_status_is_in_the_table() -> None:
    statuses = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    section = PAGE[PAGE.index("## Exit statuses") :]
    assert {int(status) for status in re.findall(r"^\| (\d+) \|", section, re.M)} == statuses
