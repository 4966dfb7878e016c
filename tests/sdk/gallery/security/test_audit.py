"""The audit log: no record can be changed, removed, added or put elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesdk.errors import GalleryError
from facesdk.gallery.security.audit import AuditFile, Chain, Entry, replay

KEY = bytes(range(32))


def log(count, gallery="a", key=KEY):
    chain, entries = Chain(key, gallery), []
    for number in range(count):
        fields = {"what": "enrolled", "added": {str(number + 1): "p"}, "total": number + 1}
        entries.append(chain.next(entries[-1] if entries else None, fields))
    return entries


def test_a_log_that_nobody_touched_is_right():
    entries = log(20)
    assert list(Chain(KEY, "a").check(entries)) == entries
    assert list(Chain(KEY, "a").check(entries[7:], entries[6])) == entries[7:]
    assert [entry.seq for entry in entries] == list(range(1, 21))


def test_a_record_is_chained_by_hmac_sha256_from_its_definition():
    import hashlib

    def hmac(key, message):  # RFC 2104, from its definition
        block = key.ljust(64, b"\0")
        inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + message).digest()
        return hashlib.sha256(bytes(byte ^ 0x5C for byte in block) + inner).digest()

    mac = hmac(KEY, b"facesdk-gallery-audit-1 a")
    for entry in log(3):
        mac = hmac(KEY, mac + entry.record.encode())
        assert mac == entry.mac


@given(st.data())
def test_whatever_is_done_to_a_log_is_noticed(data):
    entries = log(8)
    at = data.draw(st.integers(0, 7))
    what = data.draw(st.sampled_from(["record", "mac", "remove", "swap", "insert", "foreign"]))
    changed = list(entries)
    if what == "record":
        fields = {**json.loads(entries[at].record), "total": 99}
        changed[at] = replace(entries[at], record=json.dumps(fields))
    elif what == "mac":
        changed[at] = replace(entries[at], mac=bytes(32))
    elif what == "remove":
        del changed[at]
        if at == 7:  # what is cut off at the end, only a second log knows
            return
    elif what == "swap":
        other = data.draw(st.integers(0, 7))
        if other == at:
            return
        first, second = entries[at], entries[other]
        changed[at] = replace(second, seq=first.seq)
        changed[other] = replace(first, seq=second.seq)
    elif what == "insert":
        changed.insert(at, entries[at])
    else:
        changed[at] = log(8, data.draw(st.sampled_from(["b", "aa"])))[at]
    with pytest.raises(GalleryError, match="of the audit log"):
        list(Chain(KEY, "a").check(changed))


def test_another_key_makes_another_log():
    with pytest.raises(GalleryError, match="record 1 of the audit log was changed"):
        list(Chain(bytes(32), "a").check(log(2)))


def test_a_file_keeps_records_and_survives_half_a_line(tmp_path):
    file, entries = AuditFile(tmp_path / "audit"), log(5)
    assert file.last() is None
    with file.locked():
        assert file.last() is None
        file.append(entries[:3])
    assert file.last() == entries[2] and file.entries() == entries[:3]
    assert file.path.stat().st_mode & 0o777 == 0o600
    for half in (b"4 ab", b"x" * 200_000):
        with file.path.open("ab") as stream:
            stream.write(half)
        assert file.entries() == entries[:3]
        assert file.last() == (entries[2] if len(half) < 1000 else None) or file.last() is not None
    with file.locked():
        file.append(entries[3:])
    assert file.entries() == entries and file.last() == entries[4]


def test_a_long_record_is_found_at_the_end_of_a_file(tmp_path):
    chain = Chain(KEY, "a")
    first = chain.next(None, {"what": "enrolled", "total": 1})
    added = {str(number): "f" * 16 for number in range(5000)}
    second = chain.next(first, {"what": "enrolled", "added": added, "total": 5000})
    file = AuditFile(tmp_path / "audit")
    with file.locked():
        file.append([first, second])
    assert len(second.record) > 1 << 16 and file.last() == second


@pytest.mark.parametrize("line", [b"", b"1 zz {}", b"one ab {}", b"1 ab", b"\xff 00 {}"])
def test_a_damaged_file_is_named(tmp_path, line):
    (tmp_path / "audit").write_bytes(line + b"\n")
    file = AuditFile(tmp_path / "audit")
    for read in (file.entries, file.last):
        with pytest.raises(GalleryError, match=r"audit is damaged, or is no audit log"):
            read()


def test_a_replay_knows_whose_templates_are_there():
    chain = Chain(KEY, "a")
    steps = [
        {"what": "created", "total": 0},
        {"what": "enrolled", "added": {"1": "p", "2": "p", "3": "q"}, "total": 3},
        {"what": "forgotten", "removed": [1, 2], "total": 1},
        {"what": "enrolled", "added": {"4": "r"}, "total": 2},
    ]
    entries: list[Entry] = []
    for fields in steps:
        entries.append(chain.next(entries[-1] if entries else None, fields))
    assert replay(entries) == {3: "q", 4: "r"}


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"total": "1"}', "nonsense"])
def test_a_record_that_is_none(record):
    with pytest.raises(GalleryError, match="record 3 of the audit log is damaged"):
        _ = Entry(3, record, b"").fields
