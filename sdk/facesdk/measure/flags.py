"""Why a figure may not be quoted: each reason as a flag."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from facesdk.measure.conditions import Conditions
from facesdk.measure.distribution import Distribution
from facesdk.measure.environment import Environment
from facesdk.measure.memory import Memory

MAX_SPREAD = 0.15
"""Distance of the quartiles from which times are too far apart, as a share of the median."""

MAX_OTHER_LOAD = 0.10
"""Share of the processors that other processes may use."""

MAX_STOLEN = 0.02
"""Share of the processors that a hypervisor may give to others."""

MIN_CLOCK = 0.85
"""Share of the clock at the beginning that must be left at the end."""

MIN_RUNS = 20
_SLOW_PATHS = ("reference",)


@dataclass(frozen=True, slots=True)
class Flag:
    """A reason to distrust a report.

    Attributes:
        code: The same word for the same reason, for scripts.
        message: What was seen, in one line.
    """

    code: str
    message: str

    def to_dict(self) -> dict[str, str]:
        """Both."""
        return asdict(self)


def judge_computer(environment: Environment, conditions: Conditions) -> tuple[Flag, ...]:
    """What is wrong with the computer or with what it did meanwhile.

    Args:
        environment: The computer.
        conditions: Before and after the measurement.
    """
    flags = []
    if conditions.throttled:
        flags.append(
            Flag("throttled", f"the processor was slowed down: {', '.join(conditions.throttled)}")
        )
    if environment.kernel_path in _SLOW_PATHS:
        flags.append(Flag("reference-path", "the operators ran their reference kernels"))
    elif environment.path_forced and environment.kernel_path != environment.best_path:
        flags.append(
            Flag(
                "forced-path",
                f"FACESDK_OPS_ISA forces {environment.kernel_path}; {environment.best_path} would "
                "be faster",
            )
        )
    if environment.narrow_userland:
        flags.append(Flag("32-bit", "32-bit programs on a 64-bit kernel: use a 64-bit system"))
    if environment.emulated:
        flags.append(Flag("emulated", "the processor is emulated: times mean nothing"))
    others, stolen = conditions.other_cpus, conditions.stolen_cpus
    if others is not None and others > MAX_OTHER_LOAD * environment.cores:
        flags.append(
            Flag("busy", f"other processes used {others:.2f} of {environment.cores} processors")
        )
    if stolen is not None and stolen > MAX_STOLEN * environment.cores:
        flags.append(
            Flag("stolen", f"the hypervisor gave {stolen:.2f} processors to other machines")
        )
    before, after = (max(row.frequencies, default=0.0) for row in conditions.moments)
    if 0 < after < MIN_CLOCK * before:
        flags.append(Flag("clock", f"the clock fell from {before:.0f} to {after:.0f} MHz"))
    slow = sorted(set(environment.governors) - {"performance", "schedutil", "ondemand"})
    if slow:
        flags.append(Flag("governor", f"the frequency governor is {', '.join(slow)}"))
    return tuple(flags)


def judge_times(what: str, times: Distribution) -> Iterable[Flag]:
    """What is wrong with a set of times.

    Args:
        what: How to call what was timed.
        times: Its times.
    """
    if times.n < MIN_RUNS:
        yield Flag("few-runs", f"{what}: only {times.n} runs; {MIN_RUNS} are the least")
    if times.spread > MAX_SPREAD:
        yield Flag(
            "spread",
            f"{what}: the quartiles are {100 * times.spread:.0f} % of the median apart; "
            f"{100 * MAX_SPREAD:.0f} % are the most",
        )


def judge_memory(what: str, memory: Memory | None) -> Iterable[Flag]:
    """What is wrong with memory; arguments as for :func:`judge_times`."""
    if memory is not None and memory.leaks:
        yield Flag("leak", f"{what}: memory grew by {memory.growth:,} bytes, in both halves")
