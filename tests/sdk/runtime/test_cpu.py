"""What the processor lacks for a kernel path."""

from __future__ import annotations

from pathlib import Path

import pytest

from facesdk.runtime import cpu as cpu_module
from facesdk.runtime.cpu import Cpu, describe_cpu


def with_features(text: str) -> Cpu:
    return Cpu("x86_64", "test", 1, frozenset(text.split()))


@pytest.mark.parametrize(
    ("requirement", "features", "missing"),
    [
        ("AVX2 and POPCNT", "sse4_2 popcnt avx2", ()),
        ("AVX2 and POPCNT", "popcnt avx", ("AVX2",)),
        ("POPCNT and SSE4.2", "popcnt", ("SSE4.2",)),
        ("AVX-512 F, BW, DQ, VL, VPOPCNTDQ and VNNI",
         "avx512f avx512bw avx512dq avx512vl avx512_vnni", ("AVX-512 VPOPCNTDQ",)),
        ("AVX-512 F, BW and VPOPCNTDQ", "avx512f avx512bw avx512_vpopcntdq", ()),
        ("AVX-512 F and BW", "bw f", ("AVX-512 F", "AVX-512 BW")),
        ("AVX2", "", ()),
        ("", "avx2", ()),
    ],
)  # fmt: skip
def test_missing_features_are_named(
    requirement: str, features: str, missing: tuple[str, ...]
) -> None:
    assert with_features(features).missing(requirement) == missing


def test_cpuinfo_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("model name\t: Test 9000\nflags\t\t: sse4_2 avx2\n\nmodel name\t: other\n")
    monkeypatch.setattr(cpu_module, "_CPUINFO", file)
    found = describe_cpu()
    assert (found.model, found.features) == ("Test 9000", {"sse4_2", "avx2"})
    assert found.threads >= 1
    monkeypatch.setattr(cpu_module, "_CPUINFO", tmp_path / "none")
    assert describe_cpu().features == frozenset()
