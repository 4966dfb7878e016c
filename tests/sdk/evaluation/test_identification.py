"""Identification rates against loops over probes and people."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.errors import InputError
from facesdk.evaluation.identification import measure, search_scores
from facesdk.evaluation.identification_report import html_report
from facesdk.evaluation.subject import Subject
from facesdk.models.contract import Threshold

DIM = 6
SUBJECT = Subject("m", "f" * 64, "aligned crops", "arcface-112x112", False)


def photos(counts, spread, seed):
    """Vectors and names of people who have some photos each, in a mixed order."""
    rng = np.random.default_rng(seed)
    vectors, people = [], []
    for person, count in enumerate(counts):
        middle = rng.standard_normal(DIM)
        for _ in range(count):
            vector = middle / np.linalg.norm(middle) + spread * rng.standard_normal(DIM)
            vectors.append(vector / np.linalg.norm(vector))
            people.append(f"p{person}")
    order = rng.permutation(len(vectors))
    return np.array(vectors, np.float32)[order], [people[row] for row in order]


def by_loops(vectors, people, templates, rule):
    """Every search by the definition: (best name, best score, own score or None)."""
    import hashlib

    names = sorted(set(people), key=lambda name: hashlib.sha256(name.encode()).digest())
    enrollable = [name for name in names if people.count(name) > templates]
    found = []
    for half in (enrollable[::2], enrollable[1::2]):
        gallery, probes = {}, []
        for row, name in enumerate(people):
            if name in half and len(gallery.setdefault(name, [])) < templates:
                gallery[name].append(vectors[row])
            else:
                probes.append(row)
        for row in probes:
            scores = {}
            for name, stored in gallery.items():
                values = [sum(float(a) * float(b) for a, b in zip(vectors[row], other, strict=True))
                          for other in stored]  # fmt: skip
                scores[name] = max(values) if rule == "max" else sum(values) / len(values)
            name = max(scores, key=scores.get)
            own = scores[people[row]] if people[row] in half else None
            found.append((name == people[row], scores[name], own))
    return found


CASES = (
    st.lists(st.integers(1, 5), min_size=2, max_size=9),
    st.sampled_from([0.1, 0.5, 1.5]),
    st.integers(0, 999),
    st.integers(1, 2),
    st.sampled_from(["max", "mean"]),
)


@settings(deadline=None, max_examples=60)
@given(*CASES)
def test_the_rates_are_those_of_loops(counts, spread, seed, templates, rule):
    vectors, people = photos([*counts, 3, 4], spread, seed)
    expected = by_loops(vectors, people, templates, rule)
    scores = search_scores(vectors, people, templates=templates, rule=rule)
    result = measure(scores, SUBJECT, rule=rule)
    mated = [row for row in expected if row[2] is not None]
    strangers = [row for row in expected if row[2] is None]
    assert (result.mated, result.non_mated) == (len(mated), len(strangers))
    assert result.rank1 == pytest.approx(sum(row[0] for row in mated) / len(mated))
    assert sorted(np.maximum(scores.other, scores.own)) == pytest.approx(
        sorted(row[1] for row in expected), abs=1e-5
    )
    for threshold in (-1.0, -0.2, 0.1, 0.33333, 0.7, 0.95):
        near = [row[1] for row in expected if abs(row[1] - threshold) < 1e-5]
        if near:
            continue
        row = Threshold(0.01, threshold, 0.0, 1, 1)
        (one,) = measure(scores, SUBJECT, thresholds=[row]).recommended
        missed = sum(not (right and own >= threshold) for right, _, own in mated)
        named = sum(best >= threshold for _, best, _ in strangers)
        assert one.point.fnir == pytest.approx(missed / len(mated))
        assert one.point.fpir == pytest.approx(named / len(strangers))
        low, high = one.point.fnir_interval
        assert low - 1e-12 <= one.point.fnir <= high + 1e-12


@settings(deadline=None, max_examples=30)
@given(*CASES)
def test_a_point_is_the_lowest_threshold_that_keeps_its_rate(counts, spread, seed, templates, rule):
    vectors, people = photos([*counts, 3, 4, *[3] * 12], spread, seed)
    scores = search_scores(vectors, people, templates=templates, rule=rule)
    result = measure(scores, SUBJECT)
    strangers = scores.other[~scores.mated]
    assert [rate for rate, _ in result.points] == [
        rate for rate in (0.1, 0.01, 0.001) if rate * len(strangers) >= 3 - 1e-9
    ]
    for rate, point in result.points:
        assert np.mean(strangers >= point.threshold) == pytest.approx(point.fpir)
        assert point.fpir <= rate + 1e-9
        lower = [value for value in (*scores.other, *scores.own) if value < point.threshold]
        if lower:
            assert np.mean(strangers >= max(lower)) > rate or point.fnir == pytest.approx(
                1 - np.mean((scores.own > scores.other)[scores.mated]
                            & (scores.own[scores.mated] >= max(lower)))
            )  # fmt: skip
    assert (np.diff(result.fpir) >= 0).all() and (np.diff(result.fnir) <= 0).all()


def test_people_who_are_easily_told_apart_are_all_found():
    vectors, people = photos([4] * 20, 0.01, 3)
    result = measure(search_scores(vectors, people), SUBJECT, undetected=2)
    assert (result.rank1, result.people, result.templates) == (1, 10, 10)
    assert (result.mated, result.non_mated) == (60, 80)
    assert all(point.fnir == 0 for _, point in result.points)


def test_what_the_formula_foretells_is_beside_what_was_found():
    vectors, people = photos([3] * 20, 0.3, 5)
    row = Threshold(0.01, 0.9, 0.0, 1, 1)
    result = measure(search_scores(vectors, people, templates=2), SUBJECT, thresholds=[row])
    assert result.templates == 20
    assert result.recommended[0].predicted_fpir == pytest.approx(1 - 0.99**20)


def test_the_record_is_json_and_the_page_has_a_curve():
    vectors, people = photos([3] * 30, 0.3, 7)
    row = Threshold(0.01, 0.8, 0.0, 1, 1)
    result = measure(search_scores(vectors, people), SUBJECT, thresholds=[row])
    record = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert list(record["at_fpir"]) == ["0.1"]
    assert set(record["at_recommended_thresholds"]["0.01"]) == {
        "threshold", "fpir", "fpir_interval", "fnir", "fnir_interval", "predicted_fpir",
    }  # fmt: skip
    assert 10 < len(record["det"]) <= 200
    page = html_report(result)
    assert (
        'data-chart="det"' in page and "<polyline" in page and "http" not in page.split("xmlns")[0]
    )


def test_strangers_who_all_look_alike_have_no_threshold():
    vectors = np.tile(np.eye(1, DIM, dtype=np.float32), (80, 1))
    people = [f"p{row // 2}" for row in range(80)]
    result = measure(search_scores(vectors, people), SUBJECT)
    (_, point), *_ = result.points
    assert math.isinf(point.threshold) and (point.fpir, point.fnir) == (0, 1)
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["at_fpir"]["0.1"][
        "threshold"
    ] is None  # fmt: skip


def test_who_is_like_somebody_else_as_much_is_not_found():
    vectors = np.tile(np.eye(1, DIM, dtype=np.float32), (80, 1))
    result = measure(search_scores(vectors, [f"p{row // 2}" for row in range(80)]), SUBJECT)
    assert result.rank1 == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"templates": 0}, "at least 1 template"),
        ({"rule": "median"}, "rule must be one of"),
        ({"templates": 3}, "two people with more than 3 photo"),
    ],
)
def test_values_out_of_range(options, words):
    vectors, people = photos([3, 3, 1], 0.1, 1)
    with pytest.raises(InputError, match=words):
        search_scores(vectors, people, **options)
