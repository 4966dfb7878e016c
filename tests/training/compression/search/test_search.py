"""Searches against the best of all policies, and the agent's gradients against differences."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.errors import InputError
from facesdk_training.compression.search.agent import FEATURES, Agent, Learning, amc, features
from facesdk_training.compression.search.dense import Dense
from facesdk_training.compression.search.evolution import evolve
from facesdk_training.compression.search.problem import Found, Problem, judge, uniform
from facesdk_training.compression.search.space import Space, Term, Unit

CHANNELS = (8, 8, 12, 8)
HARM = np.array((0.02, 0.6, 0.03, 0.9))
"""What each unit does by leaving: the best policy is far from the uniform one."""
EVALUATIONS = 120
NEAR = 0.05
"""How far from the best policy a search may end, as a share of the uniform policy's distance."""
QUICK = Learning(hidden=32, updates=16, critic_rate=3e-3)


def space(multiple: int = 1) -> Space:
    units = tuple(
        Unit(f"u{i}", n, 3 if i == 0 else CHANNELS[i - 1], 16 >> i, 16 >> i, 1, 3)
        for i, n in enumerate(CHANNELS)
    )
    terms = (
        Term(3 * 9 * 256, (0,), 0),
        Term(9 * 64, (0, 1), 1),
        Term(9 * 16, (1, 2), 2),
        Term(9 * 4, (2, 3), 3),
        Term(16, (3,), -1),
    )
    return Space(units, terms, multiple, 0.8)


def problem() -> Problem:
    found = space()
    return Problem(
        found,
        lambda policy: float((HARM * (1 - np.array(policy) / CHANNELS) ** 1.5).sum()),
        found.multiply_adds(found.whole) // 2,
    )


def distance(reward: float) -> float:
    """From the best of all policies, in units of the uniform policy's distance."""
    asked = problem()
    ranges = (range(low, n + 1) for low, n in zip(asked.space.narrowest, CHANNELS, strict=True))
    best = max(
        judge(asked, policy).reward
        for policy in itertools.product(*ranges)
        if asked.space.multiply_adds(policy) <= asked.budget
    )
    return (best - reward) / (best - uniform(asked).best.reward)


def checked(found: Found) -> Found:
    assert len(found.rewards) == EVALUATIONS
    assert found.best.reward == max(found.rewards)
    assert found.best.multiply_adds == problem().space.multiply_adds(found.best.policy)
    assert found.best.multiply_adds <= problem().budget
    assert found.best.reward == -found.best.error * math.log(found.best.multiply_adds)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_evolution_comes_near_the_best(seed: int) -> None:
    found = checked(evolve(problem(), EVALUATIONS, seed))
    assert 0 <= distance(found.best.reward) < NEAR


@pytest.mark.slow
def test_the_agent_comes_near_the_best_and_has_learnt_it() -> None:
    """Also its last walks, in which it hardly explores; the first, drawn evenly, are far off."""
    found = checked(amc(problem(), EVALUATIONS, 0, QUICK))
    assert 0 <= distance(found.best.reward) < NEAR
    assert distance(float(np.mean(found.rewards[-10:]))) < NEAR
    assert distance(float(np.mean(found.rewards[:30]))) > 0.5


def test_where_all_errors_are_near_1_the_reward_by_error_alone_uses_the_budget_up() -> None:
    """-error log(multiply-adds) rewards the cheapest network there."""

    def spoilt(policy: tuple[int, ...]) -> float:
        return 0.95 + 0.01 * float((HARM * (1 - np.array(policy) / CHANNELS)).sum())

    by_cost = Problem(space(), spoilt, problem().budget)
    by_error = dataclasses.replace(by_cost, weigh_cost=False)
    cheap, good = (evolve(asked, EVALUATIONS, 1).best for asked in (by_cost, by_error))
    assert cheap.multiply_adds < 0.6 * good.multiply_adds <= 0.6 * problem().budget
    assert good.reward == -good.error > -cheap.error


def test_a_seed_is_a_search() -> None:
    quick = Learning(hidden=4, batch=8)
    one, same, other = (amc(problem(), 12, seed, quick).rewards for seed in (1, 1, 2))
    assert one == same != other


@given(
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
    st.floats(0.2, 1.0),
    st.sampled_from([1, 4]),
)
@settings(max_examples=60, deadline=None)
def test_a_bounded_policy_meets_the_budget_and_asks_no_more(
    shares: list[float], part: float, multiple: int
) -> None:
    """Each unit keeps what it was asked to, or one step more of it would miss the budget."""
    asked = space(multiple)
    budget = int(part * asked.multiply_adds(asked.whole))
    if budget < asked.multiply_adds(asked.narrowest):
        with pytest.raises(InputError, match="cannot be met: with 80% of each group gone"):
            asked.within(shares, budget)
        return
    policy = asked.within(shares, budget)
    assert asked.multiply_adds(policy) <= budget
    for place, (count, share) in enumerate(zip(policy, shares, strict=True)):
        assert asked.narrowest[place] <= count <= asked.staying(place, share)
        assert count % multiple == 0 or count == CHANNELS[place]
        if count < asked.staying(place, share):
            wider = min(CHANNELS[place], (count // multiple + 1) * multiple)
            trial = [*policy[:place], wider, *asked.narrowest[place + 1 :]]
            assert asked.multiply_adds(trial) > budget


def test_the_uniform_policy_is_the_widest_that_fits() -> None:
    asked = problem()
    best = uniform(asked).best
    assert best.policy == (4, 4, 6, 4)
    assert asked.space.multiply_adds((5, 5, 8, 5)) > asked.budget >= best.multiply_adds


def test_what_the_agent_sees() -> None:
    asked = space()
    total = asked.multiply_adds(asked.whole)
    first = features(asked, 0, asked.whole, 0.0)
    third = features(asked, 2, (4, 8, 12, 8), 0.25)
    assert first.shape == third.shape == (FEATURES,)
    made = [6912 * 8, 576 * 64, 144 * 96, 36 * 96]
    assert first.tolist() == pytest.approx(
        [0, 8 / 12, 3 / 12, 1, 1, 1, 1, made[0] / total, 0, sum(made[1:]) / total, 0]
    )
    saved = 6912 * 4 + 576 * 32
    assert third.tolist() == pytest.approx(
        [2 / 3, 1, 8 / 12, 1 / 4, 1 / 4, 1, 1, made[2] / total, saved / total, made[3] / total]
        + [0.25]
    )


def test_gradients_are_those_of_differences() -> None:
    rng = np.random.default_rng(0)
    network = Dense(3, 5, rng)
    for weight in network.weights:
        weight += rng.normal(0, 0.3, weight.shape)
    x, upstream = rng.normal(size=(4, 3)), rng.normal(size=(4, 1))
    by_weights, by_x = network.gradients(x, upstream)
    for array, gradient in zip([*network.weights, x], [*by_weights, by_x], strict=True):
        for index in np.ndindex(array.shape):
            before, values = array[index], []
            for step in (1e-6, -1e-6):
                array[index] = before + step
                values.append(float((upstream * network(x)).sum()))
            array[index] = before
            assert gradient[index] == pytest.approx((values[0] - values[1]) / 2e-6, abs=1e-6)


def test_the_first_step_of_adam_is_its_rate() -> None:
    network = Dense(2, 3, np.random.default_rng(0))
    before = [weight.copy() for weight in network.weights]
    gradients = [np.full(weight.shape, 0.7) for weight in before]
    network.descend(gradients, 0.01)
    for one, other in zip(before, network.weights, strict=True):
        np.testing.assert_allclose(other, one - 0.01, atol=1e-7)


def test_exploring_is_a_truncated_normal() -> None:
    """Mean and deviation as of scipy's, around an untrained actor's one half."""
    from scipy.stats import truncnorm

    agent = Agent(Learning(hidden=8), 0)
    state = np.zeros(FEATURES)
    centre = agent.explored(state, 0)
    assert centre == pytest.approx(0.5, abs=0.01)
    drawn = [agent.explored(state, 0.5) for _ in range(2000)]
    expected = truncnorm((0 - centre) / 0.5, (1 - centre) / 0.5, centre, 0.5)
    assert 0 <= min(drawn) < max(drawn) <= 1
    assert np.mean(drawn) == pytest.approx(expected.mean(), abs=0.02)
    assert np.std(drawn) == pytest.approx(expected.std(), abs=0.02)


@pytest.mark.parametrize(
    "wrong",
    [{"hidden": 0}, {"following": 0.0}, {"warm_up": 2.0}, {"last_spread": 0.9}, {"actor_rate": 0}],
)
def test_nonsense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="must be"):
        Learning(**wrong)  # type: ignore[arg-type]
