"""Archives: bytes that repeat, and files where Android maps them."""

from __future__ import annotations

import zipfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from android_demo.ci import archive

ENTRIES = [
    archive.Entry("AndroidManifest.xml", b"<manifest />" * 50),
    archive.Entry("lib/arm64-v8a/libx.so", bytes(range(256)) * 9, stored=True),
    archive.Entry("assets/a.tflite", b"12345", stored=True),
    archive.Entry("lib/x86_64/libx.so", b"\x7fELF", stored=True),
]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    archive.write(tmp_path / "a.zip", ENTRIES)
    assert archive.read(tmp_path / "a.zip") == tuple(ENTRIES)


def test_bytes_repeat(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        archive.write(tmp_path / name, ENTRIES)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@given(
    st.lists(
        st.tuples(st.text("abcdéü", min_size=1, max_size=9), st.binary(max_size=40)),
        unique_by=lambda row: row[0],
        max_size=6,
    )
)
def test_stored_libraries_begin_at_pages_and_others_at_words(rows: list[tuple[str, bytes]]) -> None:
    import tempfile

    entries = [archive.Entry(f"{name}.so", data, stored=True) for name, data in rows]
    entries += [archive.Entry(f"{name}.tflite", data, stored=True) for name, data in rows]
    entries += [archive.Entry(f"{name}.txt", data) for name, data in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.zip"
        archive.write(path, entries)
        content = path.read_bytes()
        with zipfile.ZipFile(path) as written:
            assert written.testzip() is None
            for info in written.infolist():
                offset = archive.data_offset(path, info)
                if info.compress_type == zipfile.ZIP_STORED:
                    assert content[offset : offset + info.file_size] == written.read(info)
                    assert offset % (16384 if info.filename.endswith(".so") else 4) == 0
