"""Policies by evolution: what an agent has to be better than.

The plain (mu + lambda) strategy (H.-G. Beyer and H.-P. Schwefel, "Evolution strategies", Natural
Computing 1, 2002): each child is a parent, drawn evenly, plus normal noise in every share; the mu
best of parents and children go on. Shares are bounded by the budget as those of the agent are.
"""

from __future__ import annotations

import numpy as np

from facesdk.progress import Progress, unwatched
from facesdk_training.compression.search.problem import Found, Problem, Trial, judge

PARENTS, CHILDREN = 4, 8
SPREAD = 0.15
"""Standard deviation of what a child's shares differ by from its parent's."""


def evolve(problem: Problem, evaluations: int, seed: int, progress: Progress = unwatched) -> Found:
    """Searches by evolution, from shares drawn evenly.

    Args:
        problem: What is searched.
        evaluations: How many policies are judged, 1 or more.
        seed: Of all that is drawn.
        progress: Told how many were judged.

    Raises:
        InputError: No policy meets the budget.
    """
    rng = np.random.default_rng(seed)
    space = problem.space
    parents: list[Trial] = []
    children: list[Trial] = []
    trials: list[Trial] = []
    for number in range(evaluations):
        if len(trials) < PARENTS:
            shares = rng.uniform(0, space.most, len(space.units))
        else:
            parent = parents[rng.integers(len(parents))].policy
            gone = 1 - np.array(parent) / np.array(space.whole)
            shares = np.clip(gone + rng.normal(0, SPREAD, len(gone)), 0, space.most)
        children.append(judge(problem, space.within(shares.tolist(), problem.budget)))
        trials.append(children[-1])
        if len(children) == (CHILDREN if len(parents) == PARENTS else PARENTS):
            parents = sorted(parents + children, key=lambda trial: -trial.reward)[:PARENTS]
            children = []
        progress(number + 1, evaluations, "evolution")
    return Found.of(trials)
