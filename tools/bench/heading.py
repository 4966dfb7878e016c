"""The line above a table of times: on what and how they were measured."""

from __future__ import annotations

from datetime import date

from facesdk.measure.environment import describe_environment
from facesdk.measure.timing import Policy


def heading(policy: Policy, threads: int) -> str:
    """The computer, the runtime, our operators, the threads, the runs and the day."""
    computer = describe_environment()
    return (
        f"{computer.cpu} ({computer.machine}, {computer.cores} cores), {computer.runtime} "
        f"{computer.runtime_version}, operators {computer.operators} ({computer.kernel_path}), "
        f"{threads} thread(s), n = {policy.runs}, warm-up {policy.warm_up}, {date.today()}"
    )
