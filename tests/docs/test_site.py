"""What the site adds to the pages: the reference's rooms, and Markdown from docstrings."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.docs import site
from tools.docs.markdown import to_markdown

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("package", site.PACKAGES)
def test_every_module_is_on_one_page(package: str) -> None:
    listed = [module for room in site.rooms(package) for module in room.modules]
    root = ROOT / site.PACKAGES[package]
    files = [path for path in (root / package).rglob("*.py") if not path.stem.startswith("__")]
    assert sorted(listed) == sorted(
        ".".join(path.relative_to(root).with_suffix("").parts) for path in files
    )


def test_public_names_are_those_of_the_package_and_stand_on_the_first_page_alone() -> None:
    import facesdk

    names = site.public_names()
    assert set(names) == {name for name in facesdk.__all__ if not name.startswith("_")}
    assert "::: facesdk.engine.FaceEngine" in site.first_page()
    (base,) = (room for room in site.rooms("facesdk") if not room.name)
    assert "'!^FaceEngine$'" in site.room_page(base)


def test_a_link_that_leaves_the_pages_keeps_its_words() -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="use/operators.md"))
    text = "[`f.h`](../../sdk/f.h) [p](verify.md) [x](../index.md#a) [w](https://a.b/c) [h](#here)"
    assert site.on_page_markdown(text, page, None, None) == (
        "`f.h` [p](verify.md) [x](../index.md#a) [w](https://a.b/c) [h](#here)"
    )


@pytest.mark.parametrize(
    ("html", "foreign"),
    [
        (
            '<script src="../assets/a.js"></script><img src="b.png"><a href="https://a.b/c">x</a>',
            [],
        ),
        ('<link rel="canonical" href="https://a.b/c"><link rel="icon" href="c.svg">', []),
        ('<script src="https://a.b/c.js"></script>', ["https://a.b/c.js"]),
        ('<link rel="stylesheet" href="//a.b/c.css">', ["//a.b/c.css"]),
        ('<img alt="x" src=https://a.b/c.png>', ["https://a.b/c.png"]),
        ('<pre class="mermaid"><code>flowchart</code></pre>', ["unpkg.com/mermaid"]),
    ],
)
def test_what_a_page_loads_from_other_hosts_is_found(html: str, foreign: list[str]) -> None:
    assert site.fetched(html) == foreign


def test_a_simple_table_and_a_role_become_markdown() -> None:
    text = """Codes of :attr:`~Error.code`.

====  ==========
code  meaning
====  ==========
0     fine, or
      better
2     a|b ``c|d``
====  ==========

The end.
"""
    assert (
        to_markdown(text)
        == """Codes of `Error.code`.


| code | meaning |
| --- | --- |
| 0 | fine, or better |
| 2 | a\\|b ``c|d`` |


The end.
"""
    )


def test_a_line_of_equal_signs_that_is_no_table_stays() -> None:
    assert to_markdown("a\n=== ==\nb") == "a\n=== ==\nb"
