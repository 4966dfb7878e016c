"""What verbs print with --json is what their schemas say, in the one vocabulary."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image, ImageFilter
from typer.testing import CliRunner

from facesdk.cli import vocabulary
from facesdk.cli.main import app
from facesdk.models import registry
from facesdk.samples import OBAMA, OBAMA2

PRINTED = {
    "detect": ["detect", OBAMA],
    "align": ["align", OBAMA, "-o", "crops"],
    "embed": ["embed", OBAMA],
    "verify": ["verify", OBAMA, OBAMA2],
    "demo": ["demo", "-o", "demo"],
    "enrol": ["enrol", "Ada", OBAMA, "--gallery", "g.db"],
    "identify": ["identify", OBAMA2, "--gallery", "g.db"],
    "people": ["people", "--gallery", "g.db"],
    "export": ["export", "g.export", "--gallery", "g.db", "--passphrase", "env:WORDS"],
    "import": ["import", "g.export", "--gallery", "h.db", "--passphrase", "env:WORDS"],
    "gallery check": ["gallery", "check", "--gallery", "g.db"],
    "forget": ["forget", "Ada", "--gallery", "g.db"],
    "rotate-key": ["rotate-key", "--gallery", "g.db", "--new-key", "other.key"],
    "doctor": ["doctor"],
    "models": ["models"],
    "models show": ["models", "show", "compactfacenet-qb"],
    "models edit": ["models", "edit", "m.tflite", "--set", "name=x"],
    "models pack": ["models", "pack", "m.tflite", "-o", "m.pack"],
    "models unpack": ["models", "unpack", "m.pack", "-o", "u.tflite"],
}
"""A call of each verb, in an order in which one finds what another made."""

ELSEWHERE = {
    *("calibrate", "models set-contract", "train list", "train compare", "live", "serve"),
    *("evaluate lfw", "evaluate bin", "evaluate folder", "evaluate identification"),
    *("evaluate detection", "convert"),
}
"""Verbs whose own tests check their records by :func:`vocabulary.schema`, or need an extra."""


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    folder = tmp_path_factory.mktemp("verbs")
    shutil.copy(registry.resolve("compactfacenet-qb"), folder / "m.tflite")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("FACESDK_GALLERY_KEY", raising=False)
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))
        patch.setenv("WORDS", "a passphrase of some length")
        for verb, arguments in PRINTED.items():
            done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
            assert done.stdout, (verb, done.stderr)
            found[verb] = [json.loads(line) for line in done.stdout.splitlines()]
    return found


@pytest.mark.parametrize("verb", PRINTED)
def test_a_verb_prints_what_its_schema_says(verb: str, printed: dict[str, list[Any]]) -> None:
    for record in printed[verb]:
        jsonschema.validate(record, vocabulary.schema(verb))


def test_every_verb_of_the_vocabulary_is_checked() -> None:
    assert vocabulary.VERBS.keys() == PRINTED.keys() | ELSEWHERE


def test_the_list_has_the_names_that_are_used_and_no_others() -> None:
    used = {
        word.rstrip("?")
        for names in (
            *vocabulary.RECORDS.values(),
            *(
                names
                for output in vocabulary.VERBS.values()
                for names in (output.names, *output.otherwise)
            ),
        )
        for word in names.split()
    }
    assert used <= vocabulary.KEYS.keys()
    unused = vocabulary.KEYS.keys() - used
    assert not unused, unused


@pytest.mark.parametrize("verb", [*vocabulary.VERBS, *vocabulary.FILES])
def test_a_schema_is_one(verb: str) -> None:
    done = CliRunner().invoke(app, ["schema", *verb.split()])
    assert done.exit_code == 0, done.stderr
    jsonschema.Draft202012Validator.check_schema(json.loads(done.stdout))


def test_a_face_that_is_not_compared_has_a_record_too(tmp_path: Path) -> None:
    Image.open(OBAMA).filter(ImageFilter.GaussianBlur(12)).save(tmp_path / "blurred.png")
    done = CliRunner().invoke(app, ["verify", str(OBAMA), str(tmp_path / "blurred.png"), "--json"])
    assert done.exit_code == 6, done.stderr
    record = json.loads(done.stdout)
    assert record["same"] is None
    jsonschema.validate(record, vocabulary.schema("verify"))


def test_a_schema_that_there_is_none_of() -> None:
    done = CliRunner().invoke(app, ["schema", "frobnicate"])
    assert done.exit_code == 2
    assert "choose one of detect, align" in done.stderr
    listed = CliRunner().invoke(app, ["schema"]).stdout.split("\n")
    assert "models show" in listed


def test_a_record_with_another_name_is_refused(printed: dict[str, list[Any]]) -> None:
    (record,) = printed["verify"]
    with pytest.raises(jsonschema.ValidationError, match="photo"):
        jsonschema.validate({**record, "photo": "a.jpg"}, vocabulary.schema("verify"))
