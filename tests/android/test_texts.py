"""The app's sentences: in both languages, with the same places for values, and none unused."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from android_demo.ci import project
from facesdk.quality.assessment import FLOORS

RESOURCES = project.APP / "src" / "main" / "res"
SOURCES = project.APP / "src" / "main"


def texts(folder: str) -> dict[str, str]:
    """Sentences by name; forms of a plural by name and quantity."""
    root = ElementTree.parse(RESOURCES / folder / "strings.xml").getroot()
    found = {}
    for element in root:
        if element.get("translatable") == "false":
            continue
        if element.tag == "plurals":
            for item in element:
                found[f"{element.get('name')}.{item.get('quantity')}"] = item.text or ""
        else:
            found[str(element.get("name"))] = element.text or ""
    return found


def places(sentence: str) -> list[str]:
    return sorted(re.findall(r"%(?:\d\$)?(?:\.\d)?[sdf]", sentence))


def test_every_sentence_is_translated_with_the_same_places() -> None:
    english, german = texts("values"), texts("values-de")
    assert set(english) == set(german)
    for name, sentence in english.items():
        assert places(sentence) == places(german[name]), name
        assert sentence.strip(), name
        assert german[name].strip(), name


def test_every_sentence_is_used() -> None:
    sources = "".join(
        path.read_text() for path in SOURCES.rglob("*") if path.suffix in (".java", ".xml")
    )
    for name in texts("values"):
        name = name.partition(".")[0]
        assert re.search(rf"(R\.(string|plurals)\.|@string/){name}\b", sources), name


def test_no_sentence_is_written_into_a_layout() -> None:
    for layout in RESOURCES.glob("layout*/*.xml"):
        text = layout.read_text()
        for value in re.findall(r'android:(?:text|contentDescription|hint)="([^"]*)"', text):
            assert value.startswith("@string/"), (layout.name, value)


@pytest.mark.parametrize("kind", ["drawable", "color", "layout"])
def test_every_resource_is_used(kind: str) -> None:
    sources = "".join(
        path.read_text() for path in SOURCES.rglob("*") if path.suffix in (".java", ".xml")
    )
    folders = [path for path in RESOURCES.iterdir() if path.name.split("-")[0] == kind]
    names = {Path(file).stem for folder in folders for file in folder.iterdir()}
    for name in names:
        assert re.search(rf"(R\.{kind}\.|@{kind}/){name}\b", sources), name


def test_every_floor_of_quality_has_a_hint() -> None:
    table = (SOURCES / "java" / "org" / "facesdk" / "demo" / "Hints.java").read_text()
    rows = dict(re.findall(r'HINTS\.put\("([^"]+)", R\.string\.(\w+)\)', table))
    for floor in FLOORS.values():
        assert sum(floor.reason.startswith(beginning) for beginning in rows) == 1, floor.reason
    assert len(rows) == len(set(rows.values())) == len(FLOORS)
