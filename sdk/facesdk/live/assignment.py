"""Who goes with whom at the least cost together: the assignment problem.

Solved exactly by shortest augmenting paths with potentials (R. Jonker, A. Volgenant, "A Shortest
Augmenting Path Algorithm for Dense and Sparse Linear Assignment Problems", Computing 38, 1987), in
time of the cube of the smaller side: microseconds for the faces of one picture.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

_FORBIDDEN = 1e6
"""Above any sum of allowed costs: as many pairs as possible are made, and of those the cheapest."""


def assign(cost: ArrayLike) -> list[tuple[int, int]]:
    """Pairs of rows and columns, each used once at most.

    Args:
        cost: ``(rows, columns)``, each 0 to 1,000; infinite where the two may not be a pair.

    Returns:
        Pairs in the order of the rows: as many as can be, and of all such choices one with the
        least sum of costs.
    """
    table = np.atleast_2d(np.asarray(cost, np.float64))
    if table.size == 0:
        return []
    flipped = table.shape[0] > table.shape[1]
    table = table.T if flipped else table
    finite = np.where(np.isfinite(table), table, _FORBIDDEN).tolist()
    chosen = _columns_of(finite)
    pairs = [(row, column) for row, column in enumerate(chosen) if np.isfinite(table[row, column])]
    return sorted((column, row) for row, column in pairs) if flipped else pairs


def _columns_of(cost: list[list[float]]) -> list[int]:
    """The column of each row; there are at least as many columns as rows."""
    rows, columns = len(cost), len(cost[0])
    row_of = [-1] * columns
    row_price, column_price = [0.0] * rows, [0.0] * columns
    for new in range(rows):
        distance, before = [math.inf] * columns, [-1] * columns
        done = [False] * columns
        row, column, shortest = new, -1, 0.0
        while True:
            nearest, best = math.inf, -1
            for j in range(columns):
                if done[j]:
                    continue
                path = shortest + cost[row][j] - row_price[row] - column_price[j]
                if path < distance[j]:
                    distance[j], before[j] = path, column
                if distance[j] < nearest:
                    nearest, best = distance[j], j
            column, shortest = best, nearest
            done[column] = True
            if row_of[column] < 0:
                break
            row = row_of[column]
        for j in range(columns):
            if done[j] and j != column:
                row_price[row_of[j]] += shortest - distance[j]
                column_price[j] -= shortest - distance[j]
        row_price[new] += shortest
        while column >= 0:
            previous = before[column]
            row_of[column] = new if previous < 0 else row_of[previous]
            column = previous
    chosen = [-1] * rows
    for column, row in enumerate(row_of):
        if row >= 0:
            chosen[row] = column
    return chosen
