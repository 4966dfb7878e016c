"""Galleries of people who are points on a sphere, and a model that stands for the real one."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from facesdk.gallery.sqlite import SqliteGallery
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract
from facesdk.results import Embedding

BUNDLE = ModelBundle.load(registry.resolve(registry.DEFAULT_RECOGNIZER))
CONTRACT = BUNDLE.contract
DIM = CONTRACT.dim or 0
STRICTEST = CONTRACT.thresholds[0]


@dataclass(frozen=True)
class Model:
    """What a gallery asks of an embedder."""

    contract: Contract = CONTRACT
    model_id: str = BUNDLE.sha256
    name: str = CONTRACT.name


MODEL: Any = Model()
OTHER_MODEL: Any = Model(replace(CONTRACT, name="another"), "f" * 64, "another")


def face(person: int, photo: int = 0, *, spread: float = 0.02) -> Embedding:
    """A photo of a person: near the person's other photos, and far from other people's."""
    point = np.random.default_rng(person).standard_normal(DIM)
    point = point / np.linalg.norm(point)
    if photo:
        point = point + spread * np.random.default_rng((person, photo)).standard_normal(DIM)
    return Embedding(point / np.linalg.norm(point), CONTRACT.name, BUNDLE.sha256)


def new_gallery(folder: Path, people: int = 0) -> SqliteGallery:
    """A gallery with a template for each of some people, ``person 0`` and so on."""
    gallery = SqliteGallery.open(
        folder / "gallery.db", embedder=MODEL, key=folder / "keys", create=True
    )
    for person in range(people):
        gallery.enrol(f"person {person}", face(person), quality=0.9)
    return gallery


def open_again(folder: Path, **options: Any) -> SqliteGallery:
    """The gallery of :func:`new_gallery`, once more."""
    return SqliteGallery.open(folder / "gallery.db", **{"key": folder / "keys", **options})


def change(folder: Path, *statements: str) -> None:
    """What somebody does to the database behind the gallery's back."""
    base = sqlite3.connect(folder / "gallery.db", isolation_level=None)
    for statement in statements:
        base.execute(statement)
    base.close()
