"""Values open with the key, the value and what belongs to it, and with nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesdk.errors import DependencyError, InputError
from facesdk.gallery.security.encryption import Cipher, Sealed, TamperedError

KEY = bytes(range(32))
BOUND = ("purpose", 1, "person", None, 0.5)


@given(st.binary(max_size=800), st.tuples(st.text(), st.integers(), st.none(), st.floats()))
def test_what_is_sealed_opens(value, bound):
    assert Cipher(KEY).open(Cipher(KEY).seal(value, bound), bound) == value


def test_a_stored_value_is_aes_256_gcm_as_its_standard_has_it():
    # Test case 14 of D. McGrew and J. Viega, "The Galois/Counter Mode of Operation (GCM)", appendix
    # B: a key, a nonce and a block of zeros, without associated data.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    known = bytes.fromhex("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")
    assert AESGCM(bytes(32)).encrypt(bytes(12), bytes(16), None) == known
    sealed = Cipher(KEY).seal(b"face", BOUND)
    data = AESGCM(KEY).decrypt(sealed.nonce, sealed.data, b'["purpose",1,"person",null,0.5]')
    assert data == b"face" and len(sealed.data) == len(b"face") + 16


@given(st.data())
def test_no_changed_byte_opens(data):
    sealed = Cipher(KEY).seal(b"0123456789", BOUND)
    at = data.draw(st.integers(0, len(sealed.nonce) + len(sealed.data) - 1))
    bits = data.draw(st.integers(1, 255))
    whole = bytearray(sealed.nonce + sealed.data)
    whole[at] ^= bits
    with pytest.raises(TamperedError):
        Cipher(KEY).open(Sealed(1, bytes(whole[:12]), bytes(whole[12:])), BOUND)


@pytest.mark.parametrize("place", range(len(BOUND)))
@pytest.mark.parametrize("other", ["x", 2, None, 0.25, "1", b"bytes"])
def test_what_belongs_to_a_value_is_bound_to_it(place, other):
    if BOUND[place] == other:
        return
    bound = (*BOUND[:place], other, *BOUND[place + 1 :])
    with pytest.raises(TamperedError):
        Cipher(KEY).open(Cipher(KEY).seal(b"face", BOUND), bound)


def test_neither_another_key_nor_a_part_opens():
    sealed = Cipher(KEY).seal(b"face", BOUND)
    for wrong in (
        Sealed(2, sealed.nonce, sealed.data),
        Sealed(1, sealed.nonce, sealed.data[:-1]),
        Sealed(1, sealed.nonce, b""),
        Sealed(1, b"", sealed.data),
        Sealed(1, None, sealed.data),
        Sealed(1, sealed.nonce, "text"),
    ):
        with pytest.raises(TamperedError):
            Cipher(KEY).open(wrong, BOUND)
    with pytest.raises(TamperedError):
        Cipher(bytes(32)).open(sealed, BOUND)


def test_nonces_are_never_the_same():
    assert len({Cipher(KEY).seal(b"face", BOUND).nonce for _ in range(1000)}) == 1000


def test_a_key_has_32_bytes():
    with pytest.raises(InputError, match="32 bytes, but got 16"):
        Cipher(bytes(16))


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DependencyError, match=r"cryptography.*\[gallery\]"):
        Cipher(KEY)
