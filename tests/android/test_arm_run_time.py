"""Division, shifts and conversions of 32-bit ARM, compiled here, against Python's integers."""

from __future__ import annotations

import ctypes
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from android_demo.ci import project

SOURCE = project.FOLDER / "ci" / "native" / "arm_run_time.c"
int32 = st.integers(-(2**31), 2**31 - 1)
uint32 = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    path = tmp_path_factory.mktemp("arm") / "run_time.so"
    flags = ["-O2", "-ffp-contract=off", "-w", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, str(SOURCE), "-o", str(path)], check=True)
    return ctypes.CDLL(str(path))


def truncated(a: int, b: int) -> tuple[int, int]:
    quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    return quotient, a - quotient * b


@given(uint32, uint32.filter(bool))
def test_unsigned_division(library: ctypes.CDLL, a: int, b: int) -> None:
    divide = getattr(library, "__aeabi_uidivmod")
    divide.restype, divide.argtypes = ctypes.c_uint64, [ctypes.c_uint32] * 2
    both = divide(a, b)
    assert (both & 0xFFFFFFFF, both >> 32) == divmod(a, b)


@given(int32, int32.filter(bool))
def test_signed_division(library: ctypes.CDLL, a: int, b: int) -> None:
    divide = getattr(library, "__aeabi_idivmod")
    divide.restype, divide.argtypes = ctypes.c_uint64, [ctypes.c_int32] * 2
    both = divide(a, b)
    expected = tuple(value & 0xFFFFFFFF for value in truncated(a, b))
    assert (both & 0xFFFFFFFF, both >> 32) == expected


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 63))
def test_shifts_of_64_bits(library: ctypes.CDLL, value: int, count: int) -> None:
    bits = value % 2**64
    for name, kind, given_value, expected in (
        ("__aeabi_llsl", ctypes.c_uint64, bits, (bits << count) % 2**64),
        ("__aeabi_llsr", ctypes.c_uint64, bits, bits >> count),
        ("__aeabi_lasr", ctypes.c_int64, value, value >> count),
    ):
        shift = getattr(library, name)
        shift.restype, shift.argtypes = kind, [kind, ctypes.c_int]
        assert shift(given_value, count) == expected, name


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_to_double_are_rounded_once(library: ctypes.CDLL, value: int) -> None:
    for name, kind, given_value in (
        ("__aeabi_l2d", ctypes.c_int64, value),
        ("__aeabi_ul2d", ctypes.c_uint64, value % 2**64),
    ):
        convert = getattr(library, name)
        convert.restype, convert.argtypes = ctypes.c_double, [kind]
        assert convert(given_value) == float(given_value)


@given(st.floats(allow_nan=False))
def test_doubles_to_integers_are_cut_and_kept_in_range(library: ctypes.CDLL, value: float) -> None:
    for name, kind, least, most in (
        ("__aeabi_d2lz", ctypes.c_int64, -(2**63), 2**63 - 1),
        ("__aeabi_d2ulz", ctypes.c_uint64, 0, 2**64 - 1),
    ):
        convert = getattr(library, name)
        convert.restype, convert.argtypes = kind, [ctypes.c_double]
        expected = least if value < least else most if value > most else int(value)
        assert convert(value) == expected, name


def test_what_is_no_number_gives_zero(library: ctypes.CDLL) -> None:
    for name in ("__aeabi_d2lz", "__aeabi_d2ulz"):
        convert = getattr(library, name)
        convert.restype, convert.argtypes = ctypes.c_uint64, [ctypes.c_double]
        assert convert(float("nan")) == 0
