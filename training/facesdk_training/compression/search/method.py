"""AMC as a method: a share per group is searched, the channels leave, the network is retrained.

The agent (:mod:`..agent`) is compared with one share for all groups and with evolution
(:mod:`..evolution`), which judges as many policies as the agent. The best policy of all three is
taken, whoever found it; ``report.json`` says who, and how the others did. Channels leave by L1 norm
(:mod:`..pruning.filters`), the least first. Cost: two times ``episodes`` passes over ``crops``
faces through the network with zeros for the channels that would leave, ``updates`` of two small
networks per group and walk, and one retraining.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import tensorflow as tf

from facesdk.errors import InputError
from facesdk.files import make_folder
from facesdk.progress import Progress
from facesdk_training.compression.frame.crops import training_crops, training_rows
from facesdk_training.compression.frame.method import NOTES, Method, Subject
from facesdk_training.compression.frame.retraining import Retraining, retrain
from facesdk_training.compression.pruning.surgery import without
from facesdk_training.compression.search.agent import Learning, amc
from facesdk_training.compression.search.evolution import evolve
from facesdk_training.compression.search.latency import read_times, timed
from facesdk_training.compression.search.network import Blanked, space_of
from facesdk_training.compression.search.problem import Found, Problem, uniform
from facesdk_training.runs import folder as run_folder


@dataclass(frozen=True, slots=True)
class Search:
    """Settings.

    Attributes:
        budget: Multiply-adds (or time, see ``times``) that may stay, as a share of the network's,
            above 0 and below 1.
        episodes: Policies that the agent judges, and evolution as many; 1 or more.
        most: Largest share of a group's channels that may leave, above 0 and below 1.
        multiple: What stays of a group is rounded up to a multiple of this.
        crops: Training crops that a policy is judged on, 1 or more.
        seed: Of agent and evolution, 0 or more.
        times: Report of ``facesdk bench ops FILE --json`` on the device, of the network's float32
            file: budget and reward are then of time instead of multiply-adds
            (:mod:`..search.latency`). Empty for multiply-adds.
        reward: "error-cost" is -error log(cost), for accuracy that must stay; "error" is -error,
            for a budget that is to be used up.
        learning: How the agent learns.
        retraining: How the network recovers.

    Raises:
        InputError: A value is not in range.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    budget: float = 0.5
    episodes: int = 200
    most: float = 0.8
    multiple: int = 4
    crops: int = 32
    seed: int = 0
    times: str = ""
    reward: Literal["error-cost", "error"] = "error-cost"
    learning: Learning = field(default_factory=Learning)
    retraining: Retraining = field(default_factory=Retraining)

    def __post_init__(self) -> None:
        if not 0 < self.budget < 1 or not 0 < self.most < 1:
            raise InputError(
                "budget and most must be above 0 and below 1, but got "
                f"{self.budget:g} and {self.most:g}"
            )
        if min(self.episodes, self.multiple, self.crops) < 1 or self.seed < 0:
            raise InputError(
                "episodes, multiple and crops must be 1 or more, and seed 0 or more, but got "
                f"{self.episodes}, {self.multiple}, {self.crops}, {self.seed}"
            )


def apply(subject: Subject, settings: Search, progress: Progress) -> tf.keras.Model:
    """Searches, removes channels and retrains what is left.

    Raises:
        InputError: No policy meets the budget, or the network cannot be pruned.
    """
    notes = subject.work / NOTES
    crops = training_crops(subject, training_rows(subject, settings.crops))
    judge = Blanked.of(subject.model, crops)
    if not notes.exists():
        make_folder(subject.work)
        run_folder.write_record(notes, search(judge, settings, progress))
    policy = run_folder.read_record(notes)["policy"]
    pruned = without(subject.model, judge.kept(policy))
    retrain(subject, pruned, settings.retraining, progress)
    return pruned


def search(network: Blanked, settings: Search, progress: Progress) -> dict[str, Any]:
    """The best policy, and how each way to find one did.

    Returns:
        ``unit``, "multiply-adds" or "picoseconds"; ``budget`` in it; ``chosen``, the way;
        ``policy``, how many channels of each group stay; and ``searches``, of each way the best
        trial's ``error`` (1 - mean cosine before retraining), ``multiply_adds``, ``cost`` in the
        unit, ``reward`` and ``policy``, and ``evaluations``.
    """
    counted = space_of(network.model, settings.multiple, settings.most)
    space = counted
    if settings.times:
        space = timed(counted, network.model, read_times(Path(settings.times)))
    names = [unit.name for unit in space.units]
    budget = int(settings.budget * space.multiply_adds(space.whole))
    problem = Problem(
        space,
        lambda policy: network.error(dict(zip(names, policy, strict=True))),
        budget,
        settings.reward == "error-cost",
    )
    ways: dict[str, Callable[[], Found]] = {
        "uniform": lambda: uniform(problem),
        "evolution": lambda: evolve(problem, settings.episodes, settings.seed, progress),
        "agent": lambda: amc(
            problem, settings.episodes, settings.seed, settings.learning, progress
        ),
    }
    found = {name: way() for name, way in ways.items()}
    chosen = max(found, key=lambda name: found[name].best.reward)
    rows = {
        name: {
            "error": result.best.error,
            "multiply_adds": counted.multiply_adds(result.best.policy),
            "cost": result.best.multiply_adds,
            "reward": result.best.reward,
            "evaluations": len(result.rewards),
            "policy": dict(zip(names, result.best.policy, strict=True)),
        }
        for name, result in found.items()
    }
    return {
        "unit": "picoseconds" if settings.times else "multiply-adds",
        "budget": budget,
        "chosen": chosen,
        "policy": rows[chosen]["policy"],
        "searches": rows,
    }


METHOD = Method(
    "amc",
    "article 3; He et al. (ECCV 2018): shares by an agent, R = -error log(multiply-adds)",
    "a share of filters per group, searched by an agent within a budget of multiply-adds",
    Search,
    apply,
)
