"""What is built: names, versions and levels, as the Gradle project has them too.

``check_gradle.py`` compares the two.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "android_demo"
NATIVE = ROOT / "sdk" / "native"
MODELS = ROOT / "sdk" / "facesdk" / "models"
SAMPLES = ROOT / "sdk" / "facesdk" / "samples"
LIBRARY = FOLDER / "facesdk"
APP = FOLDER / "app"

ABIS = ("arm64-v8a", "armeabi-v7a", "x86_64")
MIN_SDK = 24
TARGET_SDK = 35
LIBRARY_NAMESPACE = "org.facesdk"
APPLICATION_ID = "org.facesdk.demo"
RUNTIME = "org.tensorflow:tensorflow-lite"
RUNTIME_VERSION = "2.16.1"
ANNOTATIONS = "org.jetbrains:annotations"
ANNOTATIONS_VERSION = "13.0"
GROUPS = ("runtime", "android", "annotations", "dex")
"""The files that a build needs (``artifacts.tsv``)."""
JNI_LIBRARY = "libfacesdk_jni.so"
RUNTIME_LIBRARY = "libtensorflowlite_jni.so"
STORED = (".so", ".tflite")
"""Ends of names of files that an APK holds uncompressed, so that they are mapped where they lie."""
APP_MODELS = (
    "detection/mtcnn-pnet.tflite",
    "detection/mtcnn-rnet.tflite",
    "detection/mtcnn-onet.tflite",
    "detection/finder.tflite",
    "recognition/compactfacenet-qb.tflite",
)
"""The packaged models that the demo brings as assets."""

APP_SAMPLES = ("obama.jpg", "obama2.jpg", "ORIGIN.md")
"""The public-domain photos that the demo verifies and measures with, and where they come from."""


def version() -> str:
    """The project's version, for example ``0.1.0``."""
    text = (ROOT / "pyproject.toml").read_text()
    found = re.search(r'^version = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise ValueError("pyproject.toml has no version")
    return found[1]


def version_code() -> int:
    """A number that grows with the version: 1,000,000 a major, 1,000 a minor, 1 a patch."""
    major, minor, patch = (int(re.match(r"\d*", part)[0] or 0) for part in version().split(".")[:3])  # type: ignore[index]
    return 1_000_000 * major + 1_000 * minor + patch
