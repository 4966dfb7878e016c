from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesdk.errors import EmbeddingMismatchError, InputError
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.recognition.matching import compare, cosine_similarity, decide
from facesdk.results import Embedding


def unit(values: list[float], model_id: str = "id") -> Embedding:
    vector = np.array(values, float)
    return Embedding(vector / np.linalg.norm(vector), "m", model_id)


@given(st.floats(0, math.pi), st.floats(0, 2 * math.pi))
def test_similarity_is_the_cosine_of_the_angle(angle: float, turn: float) -> None:
    a = unit([math.cos(turn), math.sin(turn)])
    b = unit([math.cos(turn + angle), math.sin(turn + angle)])
    assert cosine_similarity(a, b) == pytest.approx(math.cos(angle), abs=1e-6)


def test_unclear_faces_are_less_alike_and_a_note_says_so() -> None:
    packaged = ModelBundle.load(registry.resolve(registry.DEFAULT_RECOGNIZER)).contract
    clear = unit([1, 0])
    unclear = Embedding(np.array([0.3, 0.4]), "m", "id")
    assert cosine_similarity(clear, unclear) == pytest.approx(0.5 * 0.6)
    assert cosine_similarity(unclear, unclear) == pytest.approx(0.25)
    notes = [decide(a, b, packaged).note for a in (clear, unclear) for b in (clear, unclear)]
    told = ["", "the second face is unclear", "the first face is unclear", "both faces are unclear"]
    assert [note.partition(" to the model")[0] for note in notes] == told
    both = decide(unclear, clear, packaged, fmr=0.002).note
    assert re.fullmatch("the threshold lies .*; the first face is unclear to the model, .*", both)


def test_the_threshold_itself_counts_as_same() -> None:
    a, b = unit([1, 0]), unit([0, 1])
    assert compare(a, b, threshold=0.0).same
    assert not compare(a, b, threshold=1e-6).same


def test_embeddings_of_two_models_do_not_compare() -> None:
    with pytest.raises(EmbeddingMismatchError, match="different models"):
        compare(unit([1, 0]), unit([1, 0], "other"), threshold=0)
    with pytest.raises(EmbeddingMismatchError):
        compare(unit([1, 0]), unit([1, 0, 0]), threshold=0)


@pytest.mark.parametrize("threshold", [1.5, -2, math.nan])
def test_a_threshold_outside_of_the_cosine_is_refused(threshold: float) -> None:
    with pytest.raises(InputError, match="threshold must be in"):
        compare(unit([1, 0]), unit([1, 0]), threshold=threshold)
