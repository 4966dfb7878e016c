"""Embeddings of crops that another version of the pixel functions cut are another model's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesdk.engine import FaceEngine
from facesdk.errors import EmbeddingMismatchError
from facesdk.gallery.sqlite import SqliteGallery
from facesdk.images import pixels
from facesdk.recognition import matching
from facesdk.recognition.embedding import Embedder
from facesdk.recognition.saved_embeddings import SavedEmbeddings
from facesdk.results import Embedding
from sdk.gallery.people import BUNDLE, CONTRACT, Model, open_again

OTHER_PIXELS = "versions of facesdk whose pixels differ: embed the photos again"


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Embedder:
    """The packaged network in a facesdk with the second version of the pixel functions."""
    monkeypatch.setattr(pixels, "VERSION", 2)
    return Embedder(BUNDLE, CONTRACT)


def test_the_first_version_adds_nothing() -> None:
    assert pixels.VERSION == 1
    assert Embedder(BUNDLE, CONTRACT).model_id == BUNDLE.model_id


def test_stored_embeddings_of_other_pixels_do_not_compare(tmp_path: Path, later: Embedder) -> None:
    crop = np.random.default_rng(0).integers(0, 256, (112, 96, 3), dtype=np.uint8)
    new = later.embed_one(crop)
    assert new.model_id == f"{BUNDLE.model_id}-pixels2"
    before = Embedding(new.vector, new.model, BUNDLE.model_id)
    SavedEmbeddings.collect({"ada": before}).save(tmp_path / "people.npz")
    (stored,) = SavedEmbeddings.load(tmp_path / "people.npz").embeddings().values()
    for old in (stored, Embedding.from_dict(before.to_dict())):
        with pytest.raises(EmbeddingMismatchError, match=OTHER_PIXELS):
            matching.cosine_similarity(old, new)
    norm = float(np.linalg.norm(new.vector))
    again = Embedding.from_dict(new.to_dict())
    assert matching.cosine_similarity(again, new) == pytest.approx(norm**2)
    with pytest.raises(EmbeddingMismatchError, match="different models") as caught:
        matching.cosine_similarity(new, Embedding(new.vector, "other", "0" * 64))
    assert OTHER_PIXELS not in str(caught.value)


def test_an_engine_refuses_embeddings_of_other_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = FaceEngine.load()
    vector = np.eye(1, engine.embedder.dim)[0]
    monkeypatch.setattr(engine.embedder, "model_id", f"{BUNDLE.model_id}-pixels2")
    old = Embedding(vector, CONTRACT.name, BUNDLE.model_id)
    with pytest.raises(EmbeddingMismatchError, match=OTHER_PIXELS):
        engine.compare(old, old)


def test_a_gallery_of_other_pixels_is_refused_with_what_to_do(
    tmp_path: Path, later: Embedder
) -> None:
    before = Model(model_id=BUNDLE.model_id)
    gallery = SqliteGallery.open(
        tmp_path / "gallery.db", embedder=before, key=tmp_path / "keys", create=True
    )
    gallery.close()
    with pytest.raises(EmbeddingMismatchError, match=f"enrol everybody again.*{OTHER_PIXELS}"):
        open_again(tmp_path, embedder=later)
    with open_again(tmp_path) as gallery:
        probe = Embedding(np.eye(1, later.dim)[0], later.name, later.model_id)
        with pytest.raises(EmbeddingMismatchError, match=OTHER_PIXELS):
            gallery.identify(probe)
