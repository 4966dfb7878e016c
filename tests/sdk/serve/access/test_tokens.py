"""The token: shown once, kept as a hash, in a file of its owner's alone."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from facesdk.errors import InputError
from facesdk.serve.access.tokens import open_token


def test_a_token_is_made_once_and_only_its_hash_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "new" / "token.json"
    token, made = open_token(path)
    assert made is not None and len(made) >= 43
    assert made not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again, unmade = open_token(path)
    assert unmade is None
    for check in (token, again):
        assert check.accepts(made)
        assert not any(check.accepts(text) for text in ("", made[:-1], made + "x", made.swapcase()))


def test_a_new_token_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "token.json"
    _, old = open_token(path)
    token, new = open_token(path, renew=True)
    assert old != new
    assert token.accepts(str(new)) and not token.accepts(str(old))
    assert open_token(path)[0].accepts(str(new))


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o602])
def test_a_file_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "token.json"
    open_token(path)
    path.chmod(mode)
    with pytest.raises(InputError, match=f"open to other users .mode {mode:04o}.: run `chmod 600"):
        open_token(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"null", b"\xff", json.dumps({"token_sha256": "ab"}).encode(),
     json.dumps({"token_sha256": 7}).encode(), json.dumps({"token_sha256": "x" * 64}).encode()],
)  # fmt: skip
def test_another_file_is_no_token(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(InputError, match="is not a token file"):
        open_token(path)
    assert path.read_bytes() == content


def test_a_folder_is_no_token(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the token file"):
        open_token(tmp_path)
