"""What a search for shares may choose, and what each choice costs.

A policy says how many channels of each unit stay. A kernel's multiply-adds are proportional to the
channels that it reads times those that it makes, so a network's are

    M(n) = sum over kernels of c * (product of n_u over the units that the kernel touches)

with c counted once on the whole network; nothing has to be built to know the cost of a policy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from facesdk.errors import InputError
from facesdk_training.compression.pruning.selection import staying


@dataclass(frozen=True, slots=True)
class Unit:
    """A group of channels that a policy gives a share.

    Attributes:
        name: The group.
        channels: Its channels.
        inputs: Channels that its first layer reads.
        height: Of the map that its first layer reads; 1 for dense layers.
        width: The same.
        stride: Of its first layer.
        kernel: Height of its first layer's kernel; 1 for dense layers.
    """

    name: str
    channels: int
    inputs: int = 1
    height: int = 1
    width: int = 1
    stride: int = 1
    kernel: int = 1


@dataclass(frozen=True, slots=True)
class Term:
    """The multiply-adds of one kernel.

    Attributes:
        each: For one channel of each unit that it touches.
        units: Places of these units; one that it both reads and makes is there twice.
        owner: Place of the unit whose channels it makes; -1 for a kernel whose outputs stay.
    """

    each: int
    units: tuple[int, ...]
    owner: int

    def cost(self, policy: Sequence[int]) -> int:
        """Multiply-adds where so many channels of each unit stay."""
        return self.each * math.prod(policy[unit] for unit in self.units)


@dataclass(frozen=True, slots=True)
class Space:
    """All policies.

    Attributes:
        units: From the network's input to its output.
        terms: One per kernel.
        multiple: Channels that stay are rounded up to a multiple of this.
        most: Largest share of a unit's channels that may leave, above 0 and below 1 (article: 0.8).
    """

    units: tuple[Unit, ...]
    terms: tuple[Term, ...]
    multiple: int = 1
    most: float = 0.8

    @property
    def whole(self) -> tuple[int, ...]:
        """The policy that takes nothing away."""
        return tuple(unit.channels for unit in self.units)

    @property
    def narrowest(self) -> tuple[int, ...]:
        """The policy that takes the largest share of each unit."""
        return self.uniform(self.most)

    def uniform(self, share: float) -> tuple[int, ...]:
        """The policy that takes one share of each unit."""
        return tuple(self.staying(place, share) for place in range(len(self.units)))

    def staying(self, place: int, share: float) -> int:
        """Channels of a unit that stay where a share leaves."""
        return staying(self.units[place].channels, min(share, self.most), self.multiple)

    def multiply_adds(self, policy: Sequence[int]) -> int:
        """What a policy's network computes for one image, in the unit of the terms."""
        return sum(term.cost(policy) for term in self.terms)

    def within(self, shares: Sequence[float], budget: int) -> tuple[int, ...]:
        """The policy of some shares, bounded so that a budget is met.

        Algorithm 1 of He et al. (2018): from input to output, each share is raised to the least
        with which the budget can still be met, should all later units lose the most. The article
        adds up each layer's own cost; ours counts the network, since a kernel shrinks with both the
        channels that it reads and those that it makes.

        Args:
            shares: Of each unit, 0 to 1; cut at ``most``.
            budget: Most multiply-adds.

        Raises:
            InputError: No policy meets the budget.
        """
        self.check(budget)
        policy = list(self.narrowest)
        for place, share in enumerate(shares):
            policy[place] = self.bounded(policy, place, share, budget)
        return tuple(policy)

    def bounded(self, policy: Sequence[int], place: int, share: float, budget: int) -> int:
        """Channels of one unit that stay, those of earlier ones being settled.

        Args:
            policy: Earlier units as they were settled, later ones at their narrowest.
            place: Which unit.
            share: What is asked, 0 to 1.
            budget: Most multiply-adds.
        """
        low, high = self.narrowest[place], self.staying(place, share)
        trial = list(policy)
        for count in range(high, low, -1):
            trial[place] = count
            settled = count == self.units[place].channels or count % self.multiple == 0
            if settled and self.multiply_adds(trial) <= budget:
                return count
        return low

    def check(self, budget: int) -> None:
        """Sees that a budget can be met.

        Raises:
            InputError: It cannot.
        """
        least = self.multiply_adds(self.narrowest)
        if budget < least:
            raise InputError(
                f"{budget:,} multiply-adds cannot be met: with {self.most:.0%} of each group gone "
                f"there are {least:,}"
            )
