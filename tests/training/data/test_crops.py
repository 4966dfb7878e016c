from __future__ import annotations

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk_training.data.crops import INPUT, FaceCrops, PreparedCrops
from facesdk_training.data.records import FaceDataset, FaceRecord, write_shard
from training.faces import CROPS_A_PERSON, write_data


def test_crops_are_the_images_of_the_zips_in_the_order_of_the_manifest(tmp_path: Path) -> None:
    crops = FaceCrops(write_data(tmp_path / "data", {"b": 2, "a": 1}))
    assert len(crops) == 3 * CROPS_A_PERSON
    assert [record.set for record in crops.records] == ["b"] * 8 + ["a"] * 4
    with zipfile.ZipFile(tmp_path / "data" / "a.zip") as archive:
        content = np.frombuffer(archive.read("000/2.png"), np.uint8)
    expected = cv2.cvtColor(cv2.imdecode(content, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(crops.image(8 + 2), expected)


def test_the_digest_sees_a_changed_crop(tmp_path: Path) -> None:
    first = FaceCrops(write_data(tmp_path / "one", {"a": 2}))
    assert FaceCrops(write_data(tmp_path / "two", {"a": 2})).digest == first.digest
    (tmp_path / "two" / "a.zip").unlink()
    with zipfile.ZipFile(tmp_path / "two" / "a.zip", "w") as archive:
        for record in first.records:
            archive.writestr(record.file, b"other")
    assert FaceCrops(tmp_path / "two").digest != first.digest


def test_pixels_become_the_input_that_every_recipe_says() -> None:
    pixels = np.array([0, 127, 255], np.uint8)
    np.testing.assert_allclose(INPUT.normalise(pixels), [-127.5 / 128, -0.5 / 128, 127.5 / 128])


def test_crops_without_an_identity_are_left_out_on_demand(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "data", {"a": 2})
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("a,000,", "a,,", 3))
    assert len(FaceCrops(folder)) == 2 * CROPS_A_PERSON
    kept = FaceCrops(folder, labelled_only=True)
    assert [record.identity for record in kept.records] == ["000"] + ["001"] * 4
    np.testing.assert_array_equal(kept.image(0), FaceCrops(folder).image(3))


def test_shards_without_an_identity_are_left_out_on_demand(tmp_path: Path) -> None:
    image = cv2.imencode(".png", np.zeros((112, 112, 3), np.uint8))[1].tobytes()
    records = [
        FaceRecord(image, label, name, f"{number}.png", b"0" * 32, float("nan"))
        for number, (label, name) in enumerate([(-1, ""), (0, "ann"), (-1, ""), (0, "ann")])
    ]
    shard = write_shard(tmp_path / "train.tfrecord", records)
    dataset = FaceDataset(tmp_path, 112, ("ann",), {"train": (shard,), "validation": ()})
    assert len(PreparedCrops(dataset)) == 4
    kept = PreparedCrops(dataset, labelled_only=True)
    assert [record.file for record in kept.records] == ["1.png", "3.png"]


def test_a_damaged_zip_is_one_clear_error(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "data", {"a": 1})
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for crop in range(CROPS_A_PERSON):
            archive.writestr(f"000/{crop}.png", b"face " * 100)
    content = bytearray((folder / "a.zip").read_bytes())
    start = content.index(b"000/0.png") + len("000/0.png")
    content[start : start + 4] = b"\xff" * 4
    (folder / "a.zip").write_bytes(content)
    with pytest.raises(InputError, match="cannot read the crops of set a"):
        FaceCrops(folder)


def test_unusable_data_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no manifest\.csv"):
        FaceCrops(tmp_path)
    (tmp_path / "manifest.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not a readable CSV file"):
        FaceCrops(tmp_path)
    (tmp_path / "manifest.csv").write_text("set,file\na,1.png\n")
    with pytest.raises(InputError, match="lacks the columns cos_to_identity, identity"):
        FaceCrops(tmp_path)
    (tmp_path / "manifest.csv").write_text("set,identity,file,cos_to_identity\na,1,1.png,high\n")
    with pytest.raises(InputError, match=r"line 2.*high"):
        FaceCrops(tmp_path)
    (tmp_path / "manifest.csv").write_text("set,identity,file,cos_to_identity\na,1,1.png,\n")
    with pytest.raises(InputError, match="cannot read the crops of set a"):
        FaceCrops(tmp_path)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        small = cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1]
        archive.writestr("1.png", small.tobytes())
    with pytest.raises(InputError, match=r"1\.png of set a is not a 112x112 image"):
        FaceCrops(tmp_path).image(0)


def test_a_folder_of_photos_per_person_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"facesdk data prepare {tmp_path} -o records"):
        FaceCrops(tmp_path)
    with pytest.raises(InputError, match="nowhere is no folder"):
        FaceCrops(tmp_path / "nowhere")
