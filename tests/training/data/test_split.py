from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk_training.data.crops import CropRecord
from facesdk_training.data.split import Split, split_by_identity

PEOPLE, CROPS = 60, 3


def people(sets: tuple[str, ...] = ("a", "b")) -> tuple[list[CropRecord], np.ndarray]:
    """Crops of one person share an axis of the embedding space, those of two people do not."""
    records, embeddings = [], []
    for index, name in enumerate(sets):
        for person in range(PEOPLE):
            for crop in range(CROPS):
                records.append(CropRecord(name, str(person), f"{person}/{crop}", 0.9))
                embeddings.append(np.eye(len(sets) * PEOPLE)[index * PEOPLE + person])
    return records, np.array(embeddings, np.float32)


def split(
    records: list[CropRecord], embeddings: np.ndarray, sets: tuple[str, ...] = ("a",)
) -> Split:
    return split_by_identity(records, embeddings, validation_sets=sets, validation_share=0.3)


def labels(records: list[CropRecord], rows: np.ndarray) -> set[tuple[str, str]]:
    return {(records[row].set, records[row].identity) for row in rows}


def test_no_identity_is_on_both_sides() -> None:
    records, embeddings = people()
    result = split(records, embeddings, ("a", "b"))
    assert not labels(records, result.train) & labels(records, result.validation)
    assert len(result.train) + len(result.validation) + result.excluded == len(records)
    share = len(labels(records, result.validation)) / (2 * PEOPLE)
    assert 0.2 < share < 0.4
    for row, identity in zip(result.validation, result.validation_identities, strict=True):
        same = result.validation[result.validation_identities == identity]
        assert labels(records, same) == labels(records, np.array([row]))


def test_only_named_sets_are_held_out() -> None:
    records, embeddings = people()
    assert {name for name, _ in labels(records, split(records, embeddings).validation)} == {"a"}


def test_adding_data_moves_no_identity() -> None:
    few, many = people(("a",)), people(("a", "b"))
    assert labels(few[0], split(*few).validation) == labels(many[0], split(*many).validation)


def test_a_lookalike_under_another_name_is_excluded_from_training() -> None:
    records, embeddings = people()
    first = int(split(records, embeddings).validation[0])
    twin = next(row for row, record in enumerate(records) if record.set == "b")
    embeddings[twin] = 0.7 * embeddings[first] + np.sqrt(1 - 0.49) * embeddings[twin]
    result = split(records, embeddings)
    assert twin not in result.train
    assert twin not in result.validation
    assert result.excluded == 1


def test_one_person_under_two_validation_names_counts_once() -> None:
    records, embeddings = people()
    before = split(records, embeddings)
    second = before.validation[before.validation_identities == 1]
    embeddings[second] = embeddings[before.validation[0]]
    after = split(records, embeddings)
    assert labels(records, before.validation) - labels(records, after.validation) == labels(
        records, second
    )
    assert not set(second) & set(after.train)


def test_doubtful_labels_are_neither_trained_nor_validated_on() -> None:
    records, embeddings = people()
    row = int(split(records, embeddings).validation[0])
    records[row] = CropRecord(records[row].set, records[row].identity, records[row].file, 0.2)
    result = split(records, embeddings)
    assert row not in result.validation
    assert row not in result.train


def test_nothing_to_hold_out_is_an_error() -> None:
    records, embeddings = people()
    with pytest.raises(InputError, match="no identity with two trusted crops"):
        split(records, embeddings, ("c",))
