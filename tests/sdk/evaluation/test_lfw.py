"""The whole protocol on a miniature LFW of coloured people, with a detector and a model to fit."""

from __future__ import annotations

import dataclasses
import json
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from contracts import recognition
from facesdk.errors import InputError
from facesdk.evaluation.crops import undetected_crop
from facesdk.evaluation.embedded import embed_set
from facesdk.evaluation.evaluation import Evaluation, evaluate
from facesdk.evaluation.sets.lfw_pairs import Protocol, parse_pairs
from facesdk.evaluation.sets.lfw_photos import LfwPhotos
from facesdk.evaluation.sets.verification_set import lfw_set
from facesdk.evaluation.subject import Subject
from facesdk.progress import Progress, unwatched
from facesdk.results import Face
from sdk import photos

COLOURS = {"Ann": (250, 20, 20), "Bob": (20, 250, 20), "Cleo": (20, 20, 250), "Dan": (250, 250, 20)}
PROTOCOL = parse_pairs(
    "2\t2\n"
    "Ann\t1\t2\nBob\t1\t2\nAnn\t1\tBob\t1\nAnn\t2\tBob\t2\n"
    "Cleo\t1\t2\nDan\t1\t2\nCleo\t1\tDan\t1\nCleo\t2\tDan\t2\n"
)
LANDMARKS = np.array([[46, 50], [74, 50], [60, 66], [49, 82], [71, 82]], np.float32)


class ColourDetector:
    """Finds the one "face" of a photo, except in a photo that is black in its corner."""

    id = "colours"

    def __init__(self, interrupt_after: int | None = None) -> None:
        self.calls = 0
        self.interrupt_after = interrupt_after

    def detect(self, image: NDArray[np.uint8], max_faces: int | None = None) -> list[Face]:
        if self.calls == self.interrupt_after:
            raise KeyboardInterrupt
        self.calls += 1
        if image[:4, :4].mean() < 50:
            return []
        return [Face(np.array([30, 20, 90, 100]), 0.99, LANDMARKS)]


class ColourEmbedder:
    """Embeds a crop as its mean colour, off from grey."""

    name = "colour"
    model_id = "0" * 64
    template = "arcface-112x112"
    dim = 3
    contract = recognition(dim, name=name, template=template)

    def __init__(self) -> None:
        self.crops = 0

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert crops.shape[1:] == (112, 112, 3)
        self.crops += len(crops)
        colours = crops.mean(axis=(1, 2)) - 127.5
        return np.asarray(colours / np.linalg.norm(colours, axis=1, keepdims=True), np.float32)


def photo(name: str, number: int) -> NDArray[np.uint8]:
    image = np.full((120, 120, 3), 255, np.uint8)
    image[20:100, 20:100] = COLOURS[name]
    image[-1, :number] = 0
    return image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "lfw"
    for name in COLOURS:
        (root / name).mkdir(parents=True)
        for number in (1, 2):
            data = photos.encode(photo(name, number), "JPEG")
            (root / name / f"{name}_{number:04d}.jpg").write_bytes(data)
    return root


def run(
    root: Path,
    *,
    detector: ColourDetector | None = None,
    embedder: ColourEmbedder | None = None,
    cache: Path | None = None,
    protocol: Protocol = PROTOCOL,
    progress: Progress = unwatched,
) -> Evaluation:
    model = embedder or ColourEmbedder()
    pairs = lfw_set(protocol, LfwPhotos(root, protocol.photos))
    embedded = embed_set(
        pairs,
        model,  # type: ignore[arg-type]
        detector or ColourDetector(),
        cache=cache,
        progress=progress,
    )
    subject = Subject(model.name, model.model_id, "colours", model.template, False)
    return evaluate(pairs, embedded.vectors, subject, undetected=embedded.undetected)


def test_people_of_different_colours_are_told_apart(folder: Path) -> None:
    result = run(folder)
    assert (result.accuracy, result.std, result.equal_error_rate) == (1.0, 0.0, 0.0)
    assert (result.pairs, result.photos, result.undetected) == (8, 8, 0)
    assert len(result.accuracies) == len(result.thresholds) == 2


def test_photos_are_sorted_once_however_many_are_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sorting the 7,701 names of LFW for each of them took 26 s of processor time."""
    source = LfwPhotos(folder, PROTOCOL.photos)
    sorted_names, asked = PROTOCOL.photos, []
    monkeypatch.setattr(Protocol, "photos", property(lambda _: asked.append(1) or sorted_names))
    pairs = lfw_set(PROTOCOL, source)
    assert pairs.read is not None
    for number in range(len(pairs.names)):
        pairs.read(number)
    assert len(asked) == 1


def test_one_swapped_photo_costs_what_it_must(folder: Path) -> None:
    """Bob's second photo shows Ann: 2 of the 4 pairs of fold 0 are decided wrongly."""
    data = photos.encode(photo("Ann", 3), "JPEG")
    (folder / "Bob" / "Bob_0002.jpg").write_bytes(data)
    result = run(folder)
    assert result.accuracies[0] == 0.5
    assert result.accuracy == 0.5 + result.accuracies[1] / 2 - 0.25


def test_the_record_is_json_with_the_agreed_keys(folder: Path) -> None:
    record = json.loads(json.dumps(run(folder).to_dict()))
    expected = {"accuracy": 1.0, "std": 0.0, "folds": 2, "pairs": 8, "undetected": 0}
    assert {key: record[key] for key in expected} == expected
    assert record["tar_at_far"] == {}
    assert record["model_id"] == ColourEmbedder.model_id


def test_an_undetected_face_is_counted_and_decided_from_the_middle(folder: Path) -> None:
    image = photo("Ann", 1)
    image[:4, :4] = 0
    (folder / "Ann" / "Ann_0001.jpg").write_bytes(photos.encode(image, "JPEG"))
    result = run(folder)
    assert result.undetected == 1
    assert result.accuracy == 1.0


def test_a_zip_gives_what_the_folder_gives(folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "lfw.zip"
    nested = tmp_path / "nested.zip"
    with zipfile.ZipFile(archive, "w") as flat, zipfile.ZipFile(nested, "w") as deep:
        for path in sorted(folder.rglob("*.jpg")):
            flat.write(path, path.relative_to(folder))
            deep.write(path, Path("lfw-deepfunneled") / path.relative_to(folder))
    assert run(archive) == run(folder) == run(nested) == run(folder.parent)


def test_a_second_run_computes_nothing(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = run(folder, cache=cache)
    detector, embedder = ColourDetector(), ColourEmbedder()
    assert run(folder, cache=cache, detector=detector, embedder=embedder) == first
    assert (detector.calls, embedder.crops) == (0, 0)


def test_without_a_cache_nothing_is_kept(folder: Path) -> None:
    detector, embedder = ColourDetector(), ColourEmbedder()
    run(folder)
    run(folder, detector=detector, embedder=embedder)
    assert (detector.calls, embedder.crops) == (8, 8)


@pytest.mark.parametrize("change", [{"name": "other"}, {"thresholds_source": "x"}])
def test_another_contract_embeds_again_but_does_not_detect_again(
    folder: Path, tmp_path: Path, change: dict[str, str]
) -> None:
    run(folder, cache=tmp_path / "cache")
    detector, embedder = ColourDetector(), ColourEmbedder()
    embedder.contract = dataclasses.replace(embedder.contract, **change)
    run(folder, cache=tmp_path / "cache", detector=detector, embedder=embedder)
    assert (detector.calls, embedder.crops) == (0, 8)


def test_another_model_embeds_again(folder: Path, tmp_path: Path) -> None:
    run(folder, cache=tmp_path / "cache")
    embedder = ColourEmbedder()
    embedder.model_id = "1" * 64
    run(folder, cache=tmp_path / "cache", embedder=embedder)
    assert embedder.crops == 8


def test_a_changed_photo_is_computed_again(folder: Path, tmp_path: Path) -> None:
    run(folder, cache=tmp_path / "cache")
    (folder / "Ann" / "Ann_0001.jpg").write_bytes(photos.encode(photo("Ann", 9), "JPEG"))
    detector, embedder = ColourDetector(), ColourEmbedder()
    run(folder, cache=tmp_path / "cache", detector=detector, embedder=embedder)
    assert (detector.calls, embedder.crops) == (1, 1)


def test_an_interrupted_run_goes_on_where_it_stopped(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(KeyboardInterrupt):
        run(folder, cache=cache, detector=ColourDetector(interrupt_after=5))
    detector = ColourDetector()
    assert run(folder, cache=cache, detector=detector) == run(folder)
    assert detector.calls == 3


def test_progress_ends_at_all_photos(folder: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    run(folder, progress=lambda *step: seen.append(step))
    assert seen[-1] == (8, 8, "photos")


def test_missing_photos_are_counted_before_anything_runs(folder: Path) -> None:
    (folder / "Dan" / "Dan_0001.jpg").unlink()
    (folder / "Dan" / "Dan_0002.jpg").unlink()
    with pytest.raises(InputError, match=r"lacks 2 of the 8 photos .* Dan/Dan_0001\.jpg"):
        run(folder)


@pytest.mark.parametrize(("listed", "stored"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFC", "NFC")])
@pytest.mark.parametrize("top", ["", "lfw/"])
def test_a_name_is_found_in_its_other_normal_form(
    listed: str, stored: str, top: str, tmp_path: Path
) -> None:
    name = "Jos\u00e9/Jos\u00e9_0001.jpg"
    path = tmp_path / (top + unicodedata.normalize(stored, name))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"a photo")
    asked = unicodedata.normalize(listed, name)
    assert LfwPhotos(tmp_path, [asked]).read(asked) == b"a photo"


def test_both_normal_forms_are_two_photos_where_both_are_there(tmp_path: Path) -> None:
    names = [unicodedata.normalize(form, "Jos\u00e9/Jos\u00e9_0001.jpg") for form in ("NFC", "NFD")]
    for name in names:
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(ascii(name).encode())
    photos = LfwPhotos(tmp_path, names)
    assert [photos.read(name) for name in names] == [ascii(name).encode() for name in names]


@pytest.mark.parametrize("ending", [".png", ".JPG", ".jpeg"])
@pytest.mark.parametrize("top", ["", "lfw/"])
def test_a_name_is_found_with_another_ending(ending: str, top: str, tmp_path: Path) -> None:
    """Programs that cut LFW's faces write PNG; two files that fit are not guessed at."""
    asked = "Jos\u00e9/Jos\u00e9_0001.jpg"
    path = tmp_path / (top + asked.replace(".jpg", ending))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"a photo")
    assert LfwPhotos(tmp_path, [asked]).read(asked) == b"a photo"
    path.with_suffix(".webp").write_bytes(b"another")
    with pytest.raises(InputError, match=r"has no Jos\u00e9/Jos\u00e9_0001\.jpg"):
        LfwPhotos(tmp_path, [asked])
    path.with_suffix(".jpg").write_bytes(b"the photo")
    assert LfwPhotos(tmp_path, [asked]).read(asked) == b"the photo"


def test_places_that_are_not_lfw(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="neither a folder nor a zip file"):
        run(tmp_path / "text.zip")
    with pytest.raises(InputError, match=r"has no Ann/Ann_0001\.jpg"):
        run(tmp_path / "empty")
    with pytest.raises(InputError, match=r"cannot read the photos .*none: No such file"):
        run(tmp_path / "none")


def test_a_broken_photo_is_named(folder: Path, tmp_path: Path) -> None:
    path = folder / "Bob" / "Bob_0001.jpg"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match=r"Bob/Bob_0001\.jpg is truncated"):
        run(folder)
    archive = tmp_path / "damaged.zip"
    with zipfile.ZipFile(archive, "w") as flat:
        for photo_path in sorted(folder.rglob("*.jpg")):
            flat.write(photo_path, photo_path.relative_to(folder))
    data = bytearray(archive.read_bytes())
    data[200] ^= 0xFF
    archive.write_bytes(data)
    with pytest.raises(InputError, match=r"Ann/Ann_0001\.jpg in .*damaged\.zip cannot be read"):
        run(archive)


@pytest.mark.parametrize(
    ("template", "shape"), [("arcface-112x112", (112, 112, 3)), ("arcface-112x96", (112, 96, 3))]
)
@pytest.mark.parametrize("size", [(250, 250), (100, 300), (1, 1), (300, 40)])
def test_undetected_crop_shows_the_middle(
    template: str, shape: tuple[int, int, int], size: tuple[int, int]
) -> None:
    image = np.zeros((*size, 3), np.uint8)
    image[size[0] // 2 :, size[1] // 2 :] = 200
    crop = undetected_crop(image, template)
    assert crop.shape == shape
    assert crop.dtype == np.uint8
    assert (crop[-10:, -10:] == 200).all()
    if min(size) > 1:
        assert (crop[:10] == 0).all()
        assert abs(int((crop[-1, :, 0] > 100).sum()) - shape[1] // 2) <= 2
