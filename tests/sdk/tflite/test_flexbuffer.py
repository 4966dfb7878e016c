"""Our reader of FlexBuffer maps against the one of FlatBuffers' authors."""

from __future__ import annotations

from flatbuffers import flexbuffers
from hypothesis import given
from hypothesis import strategies as st

from facesdk.tflite.flexbuffer import map_integers

KEYS = st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=8)
VALUES = st.one_of(
    st.integers(-(1 << 63), (1 << 63) - 1), st.booleans(), st.floats(-1e3, 1e3, width=32), st.text()
)


@given(st.dictionaries(KEYS, VALUES, max_size=12))
def test_integers_are_read_and_nothing_else(record: dict[str, object]) -> None:
    data = bytes(flexbuffers.Dumps(record))
    integers = {key: int(value) for key, value in record.items() if isinstance(value, int)}
    assert map_integers(data) == integers


def test_indirect_integers_are_read() -> None:
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Key("a")
        builder.IndirectInt(-(1 << 40))
        builder.Key("b")
        builder.IndirectUInt(1 << 40)
    data = bytes(builder.Finish())
    assert map_integers(data) == {"a": -(1 << 40), "b": 1 << 40}


def test_a_map_of_absurd_length_is_left_alone() -> None:
    assert map_integers(bytes(flexbuffers.Dumps({f"{n:03}": n for n in range(64)}))) != {}
    assert map_integers(bytes(flexbuffers.Dumps({f"{n:03}": n for n in range(65)}))) == {}


@given(st.binary(max_size=60))
def test_damaged_buffers_have_no_integers_or_some(data: bytes) -> None:
    assert all(isinstance(value, int) for value in map_integers(data).values())


@given(st.data())
def test_changed_bytes_never_escape(data: st.DataObject) -> None:
    buffer = bytearray(flexbuffers.Dumps({"channels_in": 64, "padding": 1, "stride": 70_000}))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(buffer) - 1))
        buffer[at] = data.draw(st.integers(0, 255))
    map_integers(bytes(buffer))
