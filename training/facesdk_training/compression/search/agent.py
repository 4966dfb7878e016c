"""Shares by an agent: AMC.

Y. He, J. Lin, Z. Liu, H. Wang, L.-J. Li and S. Han, "AMC: AutoML for Model Compression and
Acceleration on Mobile Devices", ECCV 2018. Walking from input to output, the agent sees of unit t

    (t, channels, inputs, height, width, stride, kernel, M[t], reduced, rest, a[t-1])

each scaled to 0 to 1: M[t] multiply-adds of the kernels that make the unit, reduced what earlier
shares saved, rest those of later units. It answers with a share a[t], which algorithm 1 bounds (see
:meth:`..space.Space.within`). All steps of a walk have its reward (see :mod:`..problem`), and the
agent is DDPG (T. Lillicrap et al., ICLR 2016): the critic Q learns

    Q(s, a) = R - b + Q'(s', mu'(s')),    b a moving mean of rewards,

and the actor mu climbs Q. It explores with a normal distribution around mu(s) truncated to the
range of shares, whose standard deviation is 0.5 at first and decays. As in the authors' program the
first walks draw shares evenly, and what is remembered is the share after bounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.progress import Progress, unwatched
from facesdk_training.compression.search.dense import Dense
from facesdk_training.compression.search.problem import Found, Problem, Trial, judge
from facesdk_training.compression.search.space import Space

Array = NDArray[np.float64]
FEATURES = 11
_MEAN_KEEPS = 0.95
"""What the moving mean of rewards keeps of itself at each walk."""


@dataclass(frozen=True, slots=True)
class Learning:
    """How the agent learns; the article's numbers, but for updates and the decay.

    Attributes:
        hidden: Numbers in each of the two hidden layers.
        actor_rate: Adam's rate of the actor.
        critic_rate: Adam's rate of the critic.
        following: How far the slow copies follow at each update.
        batch: Steps that an update draws.
        updates: Updates per step of a walk (article: 1), for networks of few units.
        remembered: Steps that are remembered, the newest ones.
        warm_up: Share of the walks that are drawn evenly, 0 to 1 (article: 100 of 400).
        spread: Standard deviation of the first explored shares, over their range.
        last_spread: The same of the last walk; it decays by one factor per walk.

    Raises:
        InputError: A value is not in range.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    hidden: int = 300
    actor_rate: float = 1e-4
    critic_rate: float = 1e-3
    following: float = 0.01
    batch: int = 64
    updates: int = 4
    remembered: int = 2000
    warm_up: float = 0.25
    spread: float = 0.5
    last_spread: float = 0.02

    def __post_init__(self) -> None:
        if (
            min(self.hidden, self.batch, self.updates, self.remembered) < 1
            or not 0 < self.following <= 1
        ):
            raise InputError(
                "hidden, batch, updates and remembered must be 1 or more, and following above 0 "
                f"and at most 1, but got {self.hidden}, {self.batch}, {self.updates}, "
                f"{self.remembered}, {self.following:g}"
            )
        if not 0 <= self.warm_up <= 1 or not 0 < self.last_spread <= self.spread:
            raise InputError(
                "warm_up must be 0 to 1, and last_spread above 0 and at most spread, but got "
                f"{self.warm_up:g}, {self.last_spread:g}, {self.spread:g}"
            )
        if min(self.actor_rate, self.critic_rate) <= 0:
            raise InputError(
                "rates must be above 0, but got "
                f"{self.actor_rate:g} of the actor, {self.critic_rate:g} of the critic"
            )


class Agent:
    """DDPG with shares of 0 to 1 as its actions; the caller scales them."""

    def __init__(self, learning: Learning, seed: int) -> None:
        """An agent that knows nothing."""
        self.learning = learning
        self._rng = np.random.default_rng(seed)
        self._actor, self._critic = self._pair()
        self._slow_actor, self._slow_critic = self._pair()
        self._slow_actor.follow(self._actor, 1)
        self._slow_critic.follow(self._critic, 1)
        # Rows of state, action, reward, next state, and whether there is one.
        self._memory = np.zeros((0, 2 * FEATURES + 3))
        self._mean: float | None = None

    def _pair(self) -> tuple[Dense, Dense]:
        hidden = self.learning.hidden
        return Dense(FEATURES, hidden, self._rng), Dense(FEATURES + 1, hidden, self._rng)

    def anything(self) -> float:
        """An action drawn evenly."""
        return float(self._rng.uniform())

    def explored(self, state: Array, spread: float) -> float:
        """An action near the actor's: normal, truncated to 0 to 1 by drawing again.

        Args:
            state: (11,).
            spread: Standard deviation; 0 is the actor's own action.
        """
        centre = float(_sigmoid(self._actor(state[np.newaxis]))[0, 0])
        if not spread:
            return centre
        while True:
            drawn = float(self._rng.normal(centre, spread))
            if 0 <= drawn <= 1:
                return drawn

    def remember(self, states: Array, actions: Array, reward: float) -> None:
        """Takes a walk: (T, 11) states and (T,) actions, with one reward for all."""
        steps = len(states)
        following = np.vstack([states[1:], np.zeros((1, FEATURES))])
        goes_on = np.arange(steps) < steps - 1
        rows = np.column_stack([states, actions, np.full(steps, reward), following, goes_on])
        self._memory = np.vstack([self._memory, rows])[-self.learning.remembered :]
        mean = reward if self._mean is None else self._mean
        self._mean = _MEAN_KEEPS * mean + (1 - _MEAN_KEEPS) * reward

    def learn(self) -> None:
        """One update of critic, actor and their slow copies, after a walk at least."""
        asked, memory = self.learning, self._memory
        rows = memory[self._rng.integers(len(memory), size=min(asked.batch, len(memory)))]
        states, actions = rows[:, :FEATURES], rows[:, FEATURES : FEATURES + 1]
        rewards = rows[:, FEATURES + 1 : FEATURES + 2]
        following, goes_on = rows[:, FEATURES + 2 : -1], rows[:, -1:]
        next_actions = _sigmoid(self._slow_actor(following))
        later = self._slow_critic(np.hstack([following, next_actions]))
        target = rewards - (self._mean or 0.0) + goes_on * later
        seen = np.hstack([states, actions])
        off = self._critic(seen) - target
        self._critic.descend(
            self._critic.gradients(seen, 2 * off / len(rows))[0], asked.critic_rate
        )
        chosen = _sigmoid(self._actor(states))
        _, by_input = self._critic.gradients(
            np.hstack([states, chosen]), np.full((len(rows), 1), -1 / len(rows))
        )
        upstream = by_input[:, -1:] * chosen * (1 - chosen)
        self._actor.descend(self._actor.gradients(states, upstream)[0], asked.actor_rate)
        self._slow_actor.follow(self._actor, asked.following)
        self._slow_critic.follow(self._critic, asked.following)


def features(space: Space, place: int, policy: tuple[int, ...], last: float) -> Array:
    """The state of a unit, (11,), each from 0 to 1.

    Args:
        space: The units.
        place: Which one, from 0.
        policy: Channels that stay: earlier units as they were settled, this and later ones whole.
        last: The share that left the unit before; 0 at the first.
    """
    unit, total = space.units[place], space.multiply_adds(space.whole)
    made = [0] * len(space.units)
    for term in space.terms:
        if term.owner >= 0:
            made[term.owner] += term.cost(space.whole)
    tops = {
        name: max(getattr(one, name) for one in space.units)
        for name in ("channels", "inputs", "height", "width", "stride", "kernel")
    }
    return np.array(
        [
            place / max(1, len(space.units) - 1),
            *(getattr(unit, name) / top for name, top in tops.items()),
            made[place] / total,
            1 - space.multiply_adds(policy) / total,
            sum(made[place + 1 :]) / total,
            last,
        ]
    )


def amc(
    problem: Problem,
    evaluations: int,
    seed: int,
    learning: Learning | None = None,
    progress: Progress = unwatched,
) -> Found:
    """Searches by an agent.

    Args:
        problem: What is searched.
        evaluations: Walks, one judged policy each; 1 or more.
        seed: Of all that is drawn.
        learning: How the agent learns.
        progress: Told how many walks are done.

    Raises:
        InputError: No policy meets the budget.
    """
    problem.space.check(problem.budget)
    asked = learning or Learning()
    agent = Agent(asked, seed)
    warm = int(np.ceil(asked.warm_up * evaluations))
    decay = (asked.last_spread / asked.spread) ** (1 / max(1, evaluations - warm - 1))
    trials: list[Trial] = []
    for number in range(evaluations):
        spread = None if number < warm else asked.spread * decay ** (number - warm)
        policy, states, actions = _walk(problem, agent, spread)
        trials.append(judge(problem, policy))
        agent.remember(states, actions, trials[-1].reward)
        if number >= warm - 1:
            for _ in range(asked.updates * len(states)):
                agent.learn()
        progress(number + 1, evaluations, "agent")
    return Found.of(trials)


def _walk(
    problem: Problem, agent: Agent, spread: float | None
) -> tuple[tuple[int, ...], Array, Array]:
    """A policy, its states (T, 11) and its actions (T,) after bounding."""
    space = problem.space
    settled: tuple[int, ...] = ()
    states, actions = [], []
    share = 0.0
    for place, unit in enumerate(space.units):
        state = features(space, place, settled + space.whole[place:], share)
        action = agent.anything() if spread is None else agent.explored(state, spread)
        count = space.bounded(
            settled + space.narrowest[place:], place, action * space.most, problem.budget
        )
        settled += (count,)
        share = 1 - count / unit.channels
        states.append(state)
        actions.append(share / space.most)
    return settled, np.array(states), np.array(actions)


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))
