"""Places of keys: files that only their owner reads, variables, keyrings."""

from __future__ import annotations

import base64
import threading

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from facesdk.errors import GalleryError
from facesdk.gallery.security.keys import (
    KEY_VARIABLE,
    KeyFile,
    Keyring,
    KeyVariable,
    decode_key,
    default_key_file,
    encode_key,
    key_store,
)

KEY = bytes(range(32))


class Pocket(KeyringBackend):
    """A keyring that is a dictionary."""

    priority = 1

    def __init__(self):
        self.kept = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not found")


@pytest.fixture
def pocket():
    before, pocket = keyring.get_keyring(), Pocket()
    keyring.set_keyring(pocket)
    yield pocket
    keyring.set_keyring(before)


def stores(tmp_path):
    return [KeyFile(tmp_path / "new" / "keys"), Keyring()]


def test_keys_are_kept_by_gallery_the_newest_first(tmp_path, pocket):
    for store in stores(tmp_path):
        assert store.keys("a") == ()
        first, other, second = store.add("a"), store.add("b"), store.add("a")
        assert store.keys("a") == (second, first) and store.keys("b") == (other,)
        assert len({first, other, second}) == 3 and len(first) == 32
        store.keep("a", second)
        assert store.keys("a") == (second,) and store.keys("b") == (other,)
        store.keep("b", None)
        store.keep("b", None)
        assert store.keys("b") == () and store.keys("a") == (second,)


def test_a_key_file_is_its_owners_only(tmp_path):
    store = KeyFile(tmp_path / "keys")
    store.add("a")
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    for mode in (0o640, 0o604, 0o660):
        (tmp_path / "keys").chmod(mode)
        with pytest.raises(GalleryError, match="may be read by other users: run `chmod 600"):
            store.keys("a")
    (tmp_path / "keys").chmod(0o400)
    assert len(store.keys("a")) == 1


def test_keys_that_threads_add_are_all_kept(tmp_path):
    threads = [
        threading.Thread(target=lambda: KeyFile(tmp_path / "keys").add("a")) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(KeyFile(tmp_path / "keys").keys("a"))) == 16


@pytest.mark.parametrize(
    "content", [b"a no-key\n", b"a\n", b"\xff\xfe", b"a " + base64.b64encode(KEY[:31]) + b"\n"]
)
def test_a_damaged_key_file_is_named_and_not_shown(tmp_path, content):
    (tmp_path / "keys").write_bytes(content)
    (tmp_path / "keys").chmod(0o600)
    with pytest.raises(GalleryError) as caught:
        KeyFile(tmp_path / "keys").keys("a")
    assert str(tmp_path / "keys") in str(caught.value) and "no-key" not in str(caught.value)


def test_comments_and_empty_lines_of_a_key_file(tmp_path):
    (tmp_path / "keys").write_text(f"# mine\n\n  a {encode_key(KEY)}  \n")
    (tmp_path / "keys").chmod(0o600)
    assert KeyFile(tmp_path / "keys").keys("a") == (KEY,)


def test_a_variable_has_one_key_for_every_gallery(monkeypatch):
    store = KeyVariable("DOOR_KEY")
    monkeypatch.delenv("DOOR_KEY", raising=False)
    assert store.keys("a") == ()
    with pytest.raises(GalleryError, match=r"DOOR_KEY is not set.*openssl rand -base64 32"):
        store.add("a")
    monkeypatch.setenv("DOOR_KEY", encode_key(KEY) + "\n")
    assert store.keys("a") == (KEY,) and store.add("b") == KEY
    monkeypatch.setenv("DOOR_KEY", "secret")
    with pytest.raises(GalleryError) as caught:
        store.keys("a")
    assert "DOOR_KEY" in str(caught.value) and "secret" not in str(caught.value)


def test_a_keyring_that_fails_is_a_line(pocket, monkeypatch):
    def fail(service, username):
        raise PasswordDeleteError("it is\nlocked")

    monkeypatch.setattr(pocket, "get_password", fail)
    with pytest.raises(GalleryError, match="the keyring cannot be used: it is"):
        Keyring().keys("a")


def test_the_place_is_what_its_name_says(tmp_path, monkeypatch, pocket):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert key_store(None).where == f"key file {tmp_path / 'facesdk' / 'gallery.keys'}"
    assert default_key_file().parent.parent == tmp_path
    assert key_store(tmp_path / "k").where == f"key file {tmp_path / 'k'}"
    assert key_store("env:DOOR").where == "environment variable DOOR"
    assert key_store("keyring").where == "the keyring"
    monkeypatch.setenv(KEY_VARIABLE, encode_key(KEY))
    assert key_store(None).keys("any") == (KEY,)


def test_text_and_key():
    assert decode_key(encode_key(KEY), "here") == KEY
    for text in ("", "é", encode_key(KEY)[:-4], encode_key(KEY) + "!", encode_key(KEY + b"x")):
        with pytest.raises(GalleryError, match="here has no key of 32 bytes"):
            decode_key(text, "here")
