from __future__ import annotations

from pathlib import Path

import pytest

from tools.docs.tables import main

PAGE = """# Accuracy

Words | with a bar.

| model | threshold | FNMR |
| --- | --- | --- |
| small | 0.1 | 9.0 |
| small | 0.2 | 8.0 |
| other | 0.3 | 7.0 |

| blur, sigma in pixels | fast, 1e-4 | fast, 1e-3 | accurate, 1e-3 |
| --- | --- | --- | --- |
| 1 | a | b | c |
| 2 | d | e |  |

The end.
"""

PRINTED = """## Held-out

| model | threshold | FNMR |
| --- | --- | --- |
| small | 0.15 | 9.5 |
| small | 0.25 | 8.5 |
| small | 0.35 | 7.5 |

| model | other | threshold |
| --- | --- | --- |
| small | 1 | 0.1 |

| blur, sigma | small, 0.001 | small, 0.01 |
| --- | --- | --- |
| 1 | 1.5 | 2.5 |
| 2 | 3.5 | 4.5 |
"""

DONE = """# Accuracy

Words | with a bar.

| model | threshold | FNMR |
| --- | --- | --- |
| small | 0.15 | 9.5 |
| small | 0.25 | 8.5 |
| small | 0.35 | 7.5 |
| other | 0.3 | 7.0 |

| blur, sigma in pixels | fast, 1e-4 | fast, 1e-3 | accurate, 1e-3 |
| --- | --- | --- | --- |
| 1 | a | 1.5 | c |
| 2 | d | 3.5 |  |

The end.
"""


def run(folder: Path, printed: str = PRINTED) -> Path:
    (folder / "printed.md").write_text(printed)
    (folder / "page.md").write_text(PAGE)
    main([str(folder / "printed.md"), str(folder / "page.md"), "--call", "small=fast"])
    return folder / "page.md"


def test_printed_rows_and_columns_take_their_places(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path).read_text() == DONE
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"{tmp_path / 'page.md'}: 2 tables changed",
        "no page has: model | other | threshold",
    ]


def test_other_rows_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(
        SystemExit, match=r"page.md: the rows of 'blur, sigma in pixels' are not those"
    ):
        run(tmp_path, PRINTED.replace("| 2 | 3.5", "| 3 | 3.5"))
    assert (tmp_path / "page.md").read_text() == PAGE


def test_the_same_figures_change_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = run(tmp_path)
    main([str(tmp_path / "printed.md"), str(page), "--call", "small=fast"])
    assert page.read_text() == DONE
    assert f"{page}: 0 tables changed" in capsys.readouterr().out
