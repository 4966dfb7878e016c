"""Our reader of FlexBuffer maps against the one of FlatBuffers' authors."""

from __future__ import annotations

from flatbuffers import flexbuffers
from hypothesis import given
from hypothesis import strategies as st

from facesdk.tflite.flexbuffer import map_integer

KEYS = st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=8)
VALUES = st.one_of(
    st.integers(-(1 << 63), (1 << 63) - 1), st.booleans(), st.floats(-1e3, 1e3, width=32), st.text()
)


@given(st.dictionaries(KEYS, VALUES, max_size=12), KEYS)
def test_integers_are_read_and_nothing_else(record: dict[str, object], other: str) -> None:
    data = bytes(flexbuffers.Dumps(record))
    for key, value in record.items():
        expected = int(value) if isinstance(value, (bool, int)) else None
        assert map_integer(data, key) == expected
    if other not in record:
        assert map_integer(data, other) is None


def test_indirect_integers_are_read() -> None:
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Key("a")
        builder.IndirectInt(-(1 << 40))
        builder.Key("b")
        builder.IndirectUInt(1 << 40)
    data = bytes(builder.Finish())
    assert map_integer(data, "a") == -(1 << 40)
    assert map_integer(data, "b") == 1 << 40


@given(st.binary(max_size=60))
def test_damaged_buffers_have_no_integer_or_some(data: bytes) -> None:
    found = map_integer(data, "a")
    assert found is None or isinstance(found, int)


@given(st.data())
def test_changed_bytes_never_escape(data: st.DataObject) -> None:
    buffer = bytearray(flexbuffers.Dumps({"channels_in": 64, "padding": 1, "stride": 70_000}))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(buffer) - 1))
        buffer[at] = data.draw(st.integers(0, 255))
    map_integer(bytes(buffer), "stride")
