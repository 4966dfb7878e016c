"""What a search for a policy is given and what it leaves.

The reward is He et al.'s (2018) for a network whose accuracy counts most:

    R = -error * log(multiply-adds)

so between policies of like error the cheaper one wins. Where pruning without retraining takes
nearly everything, errors are all near 1 and the cheapest policy wins, far below the budget: R =
-error, their reward for a limited resource, asks for the best within it. Where the article's error
is a classifier's on held-out images, ours is 1 - mean cosine to the whole network's embeddings,
without retraining.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from facesdk_training.compression.search.space import Space

Policy = tuple[int, ...]
_UNIFORM_STEPS = 100


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A search.

    Attributes:
        space: What can be chosen.
        error: What a policy loses, 0 for nothing.
        budget: Most multiply-adds.
        weigh_cost: Whether the reward is -error log(multiply-adds), not -error.
    """

    space: Space
    error: Callable[[Policy], float]
    budget: int
    weigh_cost: bool = True


@dataclass(frozen=True, slots=True)
class Trial:
    """One policy, judged.

    Attributes:
        policy: How many channels of each unit stay.
        error: What it loses.
        multiply_adds: What it computes.
        weigh_cost: See :class:`Problem`.
    """

    policy: Policy
    error: float
    multiply_adds: int
    weigh_cost: bool = True

    @property
    def reward(self) -> float:
        """-error log(multiply-adds), natural logarithm, or -error."""
        return -self.error * (math.log(self.multiply_adds) if self.weigh_cost else 1.0)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search ends with.

    Attributes:
        best: The trial with the greatest reward.
        rewards: Of each trial, in order; as many as policies were judged.
    """

    best: Trial
    rewards: tuple[float, ...]

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> Found:
        """The result of some trials, one at least."""
        return cls(
            max(trials, key=lambda trial: trial.reward), tuple(trial.reward for trial in trials)
        )


def judge(problem: Problem, policy: Policy) -> Trial:
    """Tries a policy."""
    return Trial(
        policy, problem.error(policy), problem.space.multiply_adds(policy), problem.weigh_cost
    )


def uniform(problem: Problem) -> Found:
    """The least share, in hundredths of the largest, that meets the budget in every unit at once.

    Raises:
        InputError: No policy meets the budget.
    """
    space = problem.space
    space.check(problem.budget)
    shares = np.linspace(0, space.most, _UNIFORM_STEPS + 1)
    policies = (space.uniform(float(share)) for share in shares)
    policy = next(one for one in policies if space.multiply_adds(one) <= problem.budget)
    return Found.of([judge(problem, policy)])
