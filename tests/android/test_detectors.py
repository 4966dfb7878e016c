"""The Android library knows detectors by the names and with the default of Python."""

from __future__ import annotations

import re
from math import log

from android_demo.ci import project
from facesdk.detection.one_stage.finder import KINDS
from facesdk.detection.registry import DEFAULT_DETECTOR, DETECTORS
from facesdk.models import registry

ENGINE = project.LIBRARY / "src" / "main" / "java" / "org" / "facesdk" / "FaceEngine.java"
KINDS_IN_C = project.LIBRARY / "src" / "main" / "cpp" / "engine.c"


def test_names_and_default_are_pythons() -> None:
    text = ENGINE.read_text()
    names = dict(re.findall(r'String (MTCNN|FINDER) = "(\w+)";', text))
    assert set(names.values()) <= set(DETECTORS)
    default = re.search(r"String DEFAULT_DETECTOR = (\w+);", text)
    assert default is not None
    assert names[default[1]] == DEFAULT_DETECTOR


def test_the_assets_are_packaged_models() -> None:
    assets = set(re.findall(r'"([\w-]+)\.tflite"', ENGINE.read_text())) - {"compactfacenet-qb"}
    assert assets == {"mtcnn-pnet", "mtcnn-rnet", "mtcnn-onet"}
    for name in (*assets, "finder"):
        assert registry.resolve(name).is_file()


def test_what_is_known_of_finders_is_pythons() -> None:
    rows = re.findall(r'\{"(\w+)", ([\d.]+), (\d+), (-?[\d.]+)f\}', KINDS_IN_C.read_text())
    assert {row[0] for row in rows} == set(KINDS)
    for architecture, score, sees_from, least in rows:
        kind = KINDS[architecture]
        assert float(score) == kind.score
        assert float(sees_from) == kind.sees_from
        assert abs(float(least) - log(kind.score**2 / (1 - kind.score**2))) < 1e-8
