"""``facesdk evaluate`` beyond LFW, and ``facesdk calibrate``, on crops of coloured noise."""

from __future__ import annotations

import dataclasses
import json
import pickle
import shutil
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from facesdk.cli import vocabulary
from facesdk.cli.main import app
from facesdk.detection.registry import load_detector
from facesdk.errors import InputError
from facesdk.images import pixels
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract_writer import replace_contract
from facesdk.recognition.embedding import Embedder
from facesdk.recognition.saved_embeddings import SavedEmbeddings
from facesdk.samples import BIDEN, OBAMA, OBAMA2
from sdk import photos

MODEL = registry.DEFAULT_RECOGNIZER
PEOPLE, CROPS = 12, 3


def crop(person: int, number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    coarse = np.random.default_rng(person).uniform(0, 255, (7, 7, 3))
    noisy = coarse + np.random.default_rng((person, number)).normal(0, 10, coarse.shape)
    small = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    return np.asarray(small.resize((112, 112), Image.Resampling.BICUBIC))


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    for person in range(PEOPLE):
        folder = tmp_path / "crops" / f"p{person:02d}"
        folder.mkdir(parents=True)
        for number in range(CROPS):
            Image.fromarray(crop(person, number)).save(folder / f"{number}.png")
    return tmp_path / "crops"


def invoke(*arguments: str, status: int = 0) -> Result:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == status, done.output
    return done


def test_a_folder_of_people(crops: Path, tmp_path: Path) -> None:
    saved, page = str(tmp_path / "saved.npz"), str(tmp_path / "page.html")
    options = ("--images", str(crops), "--aligned", "--json")
    done = invoke(
        *("evaluate", "folder", MODEL, *options, "--save-embeddings", saved, "--report", page)
    )
    record = json.loads(done.stdout)
    jsonschema.validate(record, vocabulary.schema("evaluate folder"))
    positives = PEOPLE * CROPS * (CROPS - 1) // 2
    total = PEOPLE * CROPS * (PEOPLE * CROPS - 1) // 2
    assert (record["positive_pairs"], record["negative_pairs"]) == (positives, total - positives)
    assert (record["photos"], record["folds"], record["undetected"]) == (PEOPLE * CROPS, 6, 0)
    assert list(record["tar_at_far"]) == ["0.1", "0.01"]
    for far, tar in record["tar_at_far"].items():
        low, high = record["tar_at_far_interval"][far]
        assert low <= tar <= high
    embeddings = SavedEmbeddings.load(saved)
    expected = Embedder.load(registry.resolve(MODEL)).embed(crop(0, 0)[None, :, 8:104])
    if Embedder.load(registry.resolve(MODEL)).template == "arcface-112x112":
        expected = Embedder.load(registry.resolve(MODEL)).embed(crop(0, 0)[None])
    np.testing.assert_allclose(embeddings.of(["p00/0.png"]), expected, atol=1e-6)
    assert Path(page).read_text().count("<img") > 20

    again = json.loads(invoke("evaluate", "folder", saved, *options).stdout)
    jsonschema.validate(again, vocabulary.schema("evaluate folder"))
    for key in ("accuracy", "equal_error_rate", "tar_at_far", "pairs", "model", "model_id"):
        assert again[key] == record[key]
    assert (again["detector"], again["at_recommended_thresholds"]) == ("saved embeddings", {})


def test_what_is_left_out_is_counted_and_named(crops: Path) -> None:
    (crops / "p00" / "@eaDir").mkdir()
    (crops / "p00" / "@eaDir" / "0.png").write_bytes((crops / "p00" / "0.png").read_bytes())
    (crops / "p01" / "raw.CR2").touch()
    (crops / "alone.png").write_bytes((crops / "p00" / "0.png").read_bytes())
    command = ("evaluate", "folder", MODEL, "--images", str(crops), "--aligned", "--json")
    done = invoke(*command)
    record = json.loads(done.stdout)
    assert (record["photos"], record["positive_pairs"]) == (36, 36)
    hidden, alone = "hidden, or a system's own", "in no person's folder"
    assert record["left_out"] == {"count": 3, "kinds": {hidden: 1, ".cr2": 1, alone: 1}}
    line = f"left out 3 of what lies there (1 {hidden}, 1 .cr2, 1 {alone}): --verbose lists them"
    assert f"facesdk: {line}\n" in done.stderr
    named = invoke(*command, "--verbose")
    files = json.loads(named.stdout)["left_out"]["files"]
    assert files == [
        {"source": "p00/@eaDir/", "reason": hidden},
        {"source": "p01/raw.CR2", "reason": "no photo by its ending"},
        {"source": "alone.png", "reason": alone},
    ]
    for row in files:
        assert f"facesdk: left out {row['source']}: {row['reason']}\n" in named.stderr


def test_a_bin_file_gives_what_its_pairs_give(tmp_path: Path) -> None:
    pairs = [(n % 6, 0, n % 6 if n % 2 else n % 6 + 6, n + 1) for n in range(20)]
    images = [
        photos.encode(crop(person, number), "PNG")
        for a, i, b, j in pairs
        for person, number in ((a, i), (b, j))
    ]
    (tmp_path / "set.bin").write_bytes(pickle.dumps((images, [bool(n % 2) for n in range(20)])))
    done = invoke("evaluate", "bin", MODEL, "--pairs", str(tmp_path / "set.bin"), "--json")
    record = json.loads(done.stdout)
    jsonschema.validate(record, vocabulary.schema("evaluate bin"))
    assert (record["pairs"], record["negative_pairs"], record["folds"]) == (20, 10, 10)
    assert (record["protocol"], record["detector"]) == ("bin", "aligned crops")
    text = invoke("evaluate", "bin", MODEL, "--pairs", str(tmp_path / "set.bin"), "--flip").stdout
    assert "20 pairs, 10 folds" in text and "flip" in text and "95 %" in text


def test_saved_embeddings_need_no_photos(tmp_path: Path) -> None:
    (tmp_path / "pairs.txt").write_text(
        "2\t1\nAnn\t1\t2\nAnn\t1\tBob\t1\nBob\t1\t2\nBob\t2\tAnn\t2\n"
    )
    names = [f"{name}/{name}_000{number}.jpg" for name in ("Ann", "Bob") for number in (1, 2)]
    np.savez(
        tmp_path / "saved.npz",
        names=names,
        embeddings=np.array([[3, 0], [2, 1], [0, 1], [-1, 5.0]]),
    )
    options = ("--pairs", str(tmp_path / "pairs.txt"))
    done = invoke("evaluate", "lfw", str(tmp_path / "saved.npz"), *options, "--json")
    record = json.loads(done.stdout)
    jsonschema.validate(record, vocabulary.schema("evaluate lfw"))
    assert (record["accuracy"], record["pairs"], record["model"]) == (1.0, 4, "")
    assert (
        "needs LFW's photos: --images"
        in invoke("evaluate", "lfw", MODEL, *options, status=2).stderr
    )


def npy(header: str, data: bytes = b"\0" * 64, version: bytes = b"\x01\x00") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + data


def header(shape: str, dtype: str = "'<f4'") -> str:
    return f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}}}"


@pytest.mark.parametrize(
    "member",
    [
        npy(header("(4, 2**40)".replace("2**40", str(2**40)))),
        npy(header(f"(4, {2**63 - 1})")),
        npy(header(f"({2**40},)", "'|S0'")),
        npy(header("(4, -4)")),
        npy(header("(4, 5)")),
        npy(header("(4, 4)", "'|O'")),
        npy(header("(4, 4)"), version=b"\x07\x00"),
        npy("[" * 3000),
        npy(header("(1000000000,)", "'|b1'"), b"\0" * 20_000_000),
        b"\0" * 40_000_000,
        b"",
    ],
)
def test_saved_embeddings_do_not_decide_how_much_memory_is_used(
    member: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "saved.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("names.npy", npy(header("(4,)", "'<U4'")))
        archive.writestr("embeddings.npy", member)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="is no file of saved embeddings"):
            SavedEmbeddings.load(path)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"names": ["a"]}, "no file of saved embeddings"),
        ({"names": [1], "embeddings": np.ones((1, 2))}, "names must be text"),
        ({"names": ["a", "b"], "embeddings": np.ones((1, 2))}, "names must be text"),
        ({"names": ["a", "a"], "embeddings": np.ones((2, 2))}, "each of another name"),
        ({"names": ["a"], "embeddings": np.zeros((1, 2))}, "without a direction"),
        ({"names": ["a"], "embeddings": np.full((1, 2), np.nan)}, "without a direction"),
        ({"names": ["a"], "embeddings": np.ones((1, 2))}, "lack 36 of 36 images"),
    ],
)
def test_unusable_embeddings_are_one_line(
    crops: Path, tmp_path: Path, arrays: dict[str, Any], message: str
) -> None:
    np.savez(tmp_path / "saved.npz", **arrays)
    done = invoke(
        "evaluate", "folder", str(tmp_path / "saved.npz"), "--images", str(crops), status=2
    )
    assert message in done.stderr
    assert done.stdout == ""


def test_calibrate_writes_the_thresholds_and_nothing_else(crops: Path, tmp_path: Path) -> None:
    packaged = ModelBundle.load(registry.resolve(MODEL))
    original = replace_contract(packaged, packaged.contract)  # which lays it at the end
    model = tmp_path / "model.tflite"
    model.write_bytes(original)
    arguments = ("calibrate", str(model), str(crops), "--aligned", "--fmr", "0.1", "--json")
    record = json.loads(invoke(*arguments).stdout)
    jsonschema.validate(record, vocabulary.schema("calibrate"))
    content = model.read_bytes()
    contract = original.rindex(b"{", 0, original.rindex(b'"architecture"'))
    end = contract + len(ModelBundle.from_bytes(original, model).contract.to_json().encode())
    assert end == len(original)  # what is not the contract lies before it, with its length
    assert sum(content[n] != original[n] for n in range(contract - 4)) <= 4
    (row,) = ModelBundle.load(model).contract.thresholds
    assert record["contract"]["thresholds"] == [
        {"fmr": 0.1, "similarity": row.similarity, "fnmr": row.fnmr, "positive_pairs": 36}
        | {"negative_pairs": 594}
    ]
    measured = json.loads(
        invoke(
            "evaluate", "folder", str(model), "--images", str(crops), "--aligned", "--json"
        ).stdout
    )
    here = measured["at_recommended_thresholds"]["0.1"]
    assert here["fmr"] <= 0.1 < here["fmr"] + 2 / 594
    assert here["fnmr"] == pytest.approx(row.fnmr, abs=1e-6)
    assert [path.name for path in tmp_path.glob("*.tflite")] == ["model.tflite"]


def test_a_file_calibrated_for_one_rate_serves_plain_verify(crops: Path, tmp_path: Path) -> None:
    """And embeddings made before still compare with those made after."""
    model = tmp_path / "model.tflite"
    model.write_bytes(registry.resolve(MODEL).read_bytes())
    before = Embedder.load(model).model_id
    invoke("calibrate", str(model), str(crops), "--aligned", "--fmr", "0.1", "--unclear", "0")
    assert Embedder.load(model).model_id == before
    done = CliRunner().invoke(
        app, ["verify", str(OBAMA), str(OBAMA2), "--model", str(model), "--json"]
    )
    assert done.exit_code in (0, 1), done.output
    record = json.loads(done.stdout)
    assert record["fmr"] == 0.1
    assert "not calibrated for an FMR of 0.001" in record["note"]
    assert 0 < record["confidence"]["probability"] < 1
    assert record["confidence"]["fmr"] == 0.1


def test_calibrate_makes_a_model_that_looks_in_the_mirror(crops: Path, tmp_path: Path) -> None:
    """Both looks' outputs, one after the other, are one; its id is another."""
    both, again = tmp_path / "both.tflite", tmp_path / "again.tflite"
    arguments = ("calibrate", MODEL, str(crops), "--aligned", "--fmr", "0.1")
    assert "name its file with -o FILE" in invoke(*arguments, "--flip", status=2).stderr
    record = json.loads(invoke(*arguments, "--flip", "-o", str(both), "--json").stdout)
    plain = Embedder.load(registry.resolve(MODEL))
    flip = Embedder.load(both)
    assert (flip.dim, flip.contract.flip_concatenation) == (2 * plain.dim, True)
    assert record["model_id"] == ModelBundle.load(both).model_id != plain.model_id
    images = np.stack([crop(person, 0)[:, 8:104] for person in range(PEOPLE)])
    looks = [plain._forward(shown) for shown in (images, images[:, :, ::-1])]
    joined = np.concatenate(looks, axis=1)
    full = np.sqrt(2) * (plain.contract.full_norm or 0)
    joined /= np.maximum(np.linalg.norm(joined, axis=1, keepdims=True), full)
    np.testing.assert_allclose(flip.embed(images), joined, atol=1e-5)
    other = tmp_path / "other.tflite"
    invoke(*arguments[:-1], "0.2", "-o", str(other))
    invoke("calibrate", str(other), *arguments[2:], "--flip", "-o", str(again))
    assert again.read_bytes() == both.read_bytes()
    invoke("calibrate", str(both), *arguments[2:-1], "0.2")
    assert Embedder.load(both).model_id == flip.model_id
    done = invoke("calibrate", str(both), *arguments[2:], "--flip", "-o", str(again), status=2)
    assert "embeds the mirror image already" in done.stderr
    done = invoke("calibrate", "finder", *arguments[2:], "--flip", "-o", str(again), status=2)
    assert "finder is a model for detection, but one for recognition" in done.stderr
    verify = ["verify", str(OBAMA), str(OBAMA2), "--model", str(both), "--json"]
    assert json.loads(CliRunner().invoke(app, verify).stdout)["fmr"] == 0.2


def test_calibrate_takes_out_what_the_photos_have_in_common(crops: Path, tmp_path: Path) -> None:
    door, again = tmp_path / "door.tflite", tmp_path / "again.tflite"
    arguments = ("calibrate", MODEL, str(crops), "--aligned", "--fmr", "0.1")
    refused = invoke(*arguments, "--center", status=2).stderr
    assert "--center makes another model: name its file with -o FILE" in refused
    record = json.loads(invoke(*arguments, "--center", "-o", str(door), "--json").stdout)
    jsonschema.validate(record, vocabulary.schema("calibrate"))
    plain, centered = Embedder.load(registry.resolve(MODEL)), Embedder.load(door)
    assert record["model_id"] == ModelBundle.load(door).model_id != plain.model_id
    shown = [crop(*divmod(place, CROPS))[:, 8:104] for place in range(PEOPLE * CROPS)]
    vectors = plain.embed(np.stack(shown)).astype(np.float64)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= norms
    mean = vectors.reshape(PEOPLE, CROPS, -1).mean(axis=(0, 1))
    assert record["center"]["shared"] == pytest.approx(np.linalg.norm(mean), abs=1e-5)
    assert record["center"]["people"] == PEOPLE
    unit = mean / np.linalg.norm(mean)
    rest = vectors - np.outer(vectors @ unit, unit)
    rest *= norms / np.linalg.norm(rest, axis=1, keepdims=True)
    np.testing.assert_allclose(centered.embed(np.stack(shown)), rest, atol=1e-5)
    plainly = json.loads(invoke(*arguments, "-o", str(again), "--json").stdout)
    assert plainly["center"] is None
    assert record["center"]["thresholds_without"] == plainly["contract"]["thresholds"]
    assert "192 numbers, a direction taken out" in invoke("models", "show", str(door)).stdout
    first = door.read_bytes()
    invoke("calibrate", str(door), *arguments[2:-1], "0.2")
    assert Embedder.load(door).model_id == centered.model_id
    invoke("calibrate", str(again), *arguments[2:], "--center", "-o", str(again) + "2")
    assert Path(str(again) + "2").read_bytes() == first
    done = invoke("calibrate", str(door), *arguments[2:], "--center", "-o", str(again), status=2)
    assert "was made by --center" in done.stderr
    verify = ["verify", str(OBAMA), str(OBAMA2), "--model", str(door), "--json"]
    assert json.loads(CliRunner().invoke(app, verify).stdout)["fmr"] == 0.2
    invoke("calibrate", MODEL, *arguments[2:], "--center", "--flip", "-o", str(again))
    assert len(ModelBundle.load(again).contract.removed_direction or ()) == 2 * plain.dim
    done = invoke("calibrate", str(door), *arguments[2:], "--flip", "-o", str(again), status=2)
    assert "lack a direction of 192 numbers" in done.stderr
    evaluate = ("evaluate", "folder", str(door), "--images", str(crops), "--aligned", "--flip")
    assert "lack a direction of 192 numbers" in invoke(*evaluate, status=2).stderr


@pytest.mark.parametrize("more", [(), ("--flip",), ("--center",)])
def test_calibrate_finds_how_long_the_outputs_for_clear_faces_are(
    crops: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    """The share of photos that get embeddings shorter than 1 is the one that was asked for."""
    door, plain = tmp_path / "door.tflite", tmp_path / "plain.tflite"
    arguments = ("calibrate", MODEL, str(crops), "--aligned", "--fmr", "0.1", *more)
    done = invoke(*arguments, "--unclear", "0.25", "-o", str(door))
    assert "clear faces: outputs of norm " in done.stdout
    assert "outputs of norm" in invoke("models", "show", str(door)).stdout
    record = json.loads(invoke(*arguments, "--unclear", "0", "-o", str(plain), "--json").stdout)
    assert record["contract"].get("full_norm") is None
    found, without = Embedder.load(door), Embedder.load(plain)
    invoke(*arguments, "-o", str(plain))  # by the norm that the file brings
    assert found.model_id == without.model_id == ModelBundle.load(plain).model_id
    assert found.contract.thresholds != without.contract.thresholds
    shown = np.stack([crop(*divmod(place, CROPS))[:, 8:104] for place in range(PEOPLE * CROPS)])
    vectors, unit = found.embed(shown), without.embed(shown)
    norms = np.linalg.norm(vectors, axis=1)
    np.testing.assert_allclose(vectors, norms[:, None] * unit, atol=1e-5)
    assert np.mean(norms < 1 - 1e-4) == pytest.approx(0.25, abs=0.5 / np.sqrt(len(norms)))
    again = tmp_path / "again.tflite"
    invoke("calibrate", str(door), str(crops), "--aligned", "--fmr", "0.1", "-o", str(again))
    kept = Embedder.load(again).contract
    assert kept.full_norm == found.contract.full_norm
    if "--center" not in more:  # its rates are those of people who are not among the photos
        (threshold,), (same,) = found.contract.thresholds, kept.thresholds
        assert same.similarity == pytest.approx(threshold.similarity, abs=1e-6)
    done = invoke(*arguments, "--unclear", "0.6", "-o", str(again), status=2)
    assert "--unclear" in done.stderr
    done = invoke("calibrate", "finder", *arguments[2:], "--unclear", "0.1", "-o", "x", status=2)
    assert "finder is a model for detection, but one for recognition" in done.stderr


def test_what_photos_have_in_common_is_not_taken_from_few_people(
    crops: Path, tmp_path: Path
) -> None:
    for folder in sorted(crops.iterdir())[9:]:
        shutil.rmtree(folder)
    door = str(tmp_path / "door.tflite")
    arguments = ("calibrate", MODEL, str(crops), "--aligned", "--fmr", "0.2", "--center")
    done = invoke(*arguments, "-o", door, "--json", status=2)
    assert "takes 10 people or more, but these are 9" in done.stderr
    assert not Path(door).exists()


def test_a_model_that_tells_nobody_apart_is_not_calibrated(tmp_path: Path) -> None:
    """Each folder holds strangers, and each person is in three folders."""
    for person in range(PEOPLE):
        folder = tmp_path / "strangers" / f"p{person:02d}"
        folder.mkdir(parents=True)
        for number in range(CROPS):
            shown = crop((person + 4 * number) % PEOPLE, number)
            Image.fromarray(shown).save(folder / f"{number}.png")
    model = tmp_path / "model.tflite"
    model.write_bytes(registry.resolve(MODEL).read_bytes())
    arguments = ("calibrate", str(model), str(tmp_path / "strangers"), "--aligned", "--fmr", "0.06")
    done = invoke(*arguments, "--unclear", "0", status=2)
    assert "does not tell these people apart" in done.stderr
    assert model.read_bytes() == registry.resolve(MODEL).read_bytes()


@pytest.mark.parametrize("aligned", [True, False])
def test_the_pixels_of_a_calibration_are_in_the_contract(
    crops: Path, tmp_path: Path, aligned: bool
) -> None:
    """Crops that facesdk cut are of a version of its pixel functions; another one is said so."""
    model = tmp_path / "model.tflite"
    model.write_bytes(registry.resolve(MODEL).read_bytes())
    flag = ["--aligned"] * aligned
    record = json.loads(
        invoke("calibrate", str(model), str(crops), *flag, "--fmr", "0.1", "--json").stdout
    )
    contract = ModelBundle.load(model).contract
    wanted = None if aligned else pixels.VERSION
    assert contract.thresholds_pixels == record["contract"].get("thresholds_pixels") == wanted
    shown = invoke("models", "show", str(model)).stdout
    assert ("crops that were given" if aligned else f"pixel functions, version {wanted}") in shown
    detector = None if aligned else load_detector().id
    assert contract.thresholds_detector == record["contract"].get("thresholds_detector") == detector
    assert (f"found by {detector}" in " ".join(shown.split())) == (not aligned)
    other = dataclasses.replace(contract, thresholds_pixels=pixels.VERSION + 1)
    model.write_bytes(replace_contract(ModelBundle.load(model), other))
    arguments = ["verify", str(OBAMA), str(BIDEN), "--model", str(model), "--fmr", "0.1"]
    told = CliRunner().invoke(app, arguments)
    assert told.exit_code in (0, 1)
    assert told.stderr.count("\n") == 1
    assert told.stderr.startswith("facesdk: warning: the thresholds of compactfacenet-qb were cal")


def test_calibrate_refuses_what_the_pairs_do_not_support(crops: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(registry.resolve(MODEL).read_bytes())
    arguments = ("calibrate", str(model), str(crops), "--aligned")
    done = invoke(*arguments, "--fmr", "0.1", "--fmr", "0.001", status=2)
    assert (
        "FMR 0.001 needs 30,000 pairs of different people, which 3 photos each of 83 people have"
        in done.stderr
    )
    assert "have 594: add photos of more people, or give --fmr 0.051 or more" in done.stderr
    assert "above 0 and below 1" in invoke(*arguments, "--fmr", "1", status=2).stderr
    assert model.read_bytes() == registry.resolve(MODEL).read_bytes()


def test_a_packaged_model_is_calibrated_in_a_copy(
    crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = registry.resolve(MODEL).read_bytes()
    arguments = ("calibrate", MODEL, str(crops), "--aligned", "--fmr", "0.1", "--fmr", "0.10")
    assert invoke(*arguments).stdout.startswith(f"{MODEL}.tflite:")
    copy = ModelBundle.load(tmp_path / f"{MODEL}.tflite")
    assert [row.fmr for row in copy.contract.thresholds] == [0.1]
    assert copy.model_id == ModelBundle.load(registry.resolve(MODEL)).model_id
    assert registry.resolve(MODEL).read_bytes() == before
    assert "exists: name the file to write" in invoke(*arguments, status=2).stderr


def test_identification_of_a_folder_of_people(crops: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    options = ("--images", str(crops), "--aligned", "--report", str(page), "--json")
    record = json.loads(invoke("evaluate", "identification", MODEL, *options).stdout)
    jsonschema.validate(record, vocabulary.schema("evaluate identification"))
    assert (record["people"], record["templates_per_person"]) == (PEOPLE / 2, 1)
    assert record["mated_probes"] == PEOPLE * (CROPS - 1)
    assert record["non_mated_probes"] == PEOPLE * CROPS
    assert set(record["at_recommended_thresholds"]) == {"0.0001", "0.001", "0.01"}
    assert 'data-chart="det"' in page.read_text()
    command = ("evaluate", "identification", MODEL, *options[:3], "--templates", "2")
    assert json.loads(invoke(*command, "--json").stdout)["templates_per_person"] == 2
    text = invoke(*command).stdout
    assert "12 photos" in text and "rank 1" in text and "by the formula" in text
    done = invoke("evaluate", "identification", MODEL, *options[:3], "--templates", "3", status=2)
    assert "two people with more than 3 photo(s)" in done.stderr


def test_what_cannot_be_searched_is_refused_before_photos_are_read(
    crops: Path, tmp_path: Path
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    shutil.copy(OBAMA, flat)
    command = ("evaluate", "identification", MODEL, "--images")
    done = invoke(*command, str(flat), status=2)
    assert "in no person's folder" in done.stderr and "there are 0 of 0" in done.stderr
    cut = tmp_path / "cut" / "ada"
    cut.mkdir(parents=True)
    (cut / "a.jpg").write_bytes(Path(OBAMA).read_bytes()[:1000])
    done = invoke(*command, str(cut.parent), "--rule", "median", status=2)
    assert "rule must be one of" in done.stderr
