"""A graph of templates that lie near each other, so that a search walks and need not compare all.

Hierarchical navigable small worlds (Y. Malkov and D. Yashunin, "Efficient and robust approximate
nearest neighbor search using HNSW graphs", IEEE TPAMI 42, 2020), by faiss (extra ``index``). The
graph keeps numbers in 8 bits; whoever needs the similarity of what it finds compares exactly.

A graph lives in memory only: it holds faces, and belongs into no file in the clear.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.dependencies import import_library
from facesdk.errors import require_extra
from facesdk.progress import Progress, unwatched
from facesdk.results import FloatArray

NEIGHBOURS = 32
"""Edges of a template, on each layer but the lowest, which has twice as many."""

WIDTH_BUILDING = 128
"""Templates that are kept in view while a new one looks for its neighbours."""

WIDTH_SEARCHING = 512
"""The same while a probe does: more find more, and take longer."""

_SAMPLE = 100_000
_BLOCK = 5_000


class Graph:
    """Finds templates near a probe. Threads may share it, and it never changes.

    Made by :meth:`of`.
    """

    def __init__(self, faiss: Any, graph: Any, ids: NDArray[np.int64]) -> None:
        self._faiss = faiss  # untyped, as its graph
        self._graph = graph
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def last(self) -> int:
        """The highest of the templates' numbers."""
        return int(self._ids[-1])

    @classmethod
    def of(
        cls, vectors: FloatArray, ids: NDArray[np.int64], progress: Progress = unwatched
    ) -> Graph:
        """Build the graph of some templates, on all cores.

        Args:
            vectors: float32 ``(N, dim)``, of norm 1 or less, N at least 1.
            ids: int64 ``(N,)``: the templates' numbers, rising.
            progress: Told how many templates are in the graph.

        Raises:
            DependencyError: faiss is not installed (extra ``index``), or broken.
        """
        require_extra("faiss", extra="index")
        faiss: Any = import_library("faiss")
        total, dim = vectors.shape
        graph = faiss.IndexHNSWSQ(
            dim, faiss.ScalarQuantizer.QT_8bit, NEIGHBOURS, faiss.METRIC_INNER_PRODUCT
        )
        graph.hnsw.efConstruction = WIDTH_BUILDING
        graph.train(vectors[:: -(-total // _SAMPLE)])  # the range of the 8 bits
        for first in range(0, total, _BLOCK):
            graph.add(vectors[first : first + _BLOCK])
            progress(min(first + _BLOCK, total), total, "templates in the graph")
        return cls(faiss, graph, ids.copy())

    def near(self, probe: FloatArray, count: int) -> NDArray[np.int64]:
        """The numbers of templates near a probe, the nearest first; some may be missed.

        Args:
            probe: float32 ``(dim,)``, of norm 1 or less.
            count: How many, at least 1; fewer are returned where there are no more.
        """
        how = self._faiss.SearchParametersHNSW(efSearch=max(WIDTH_SEARCHING, 2 * count))
        _, rows = self._graph.search(probe[None], min(count, len(self)), params=how)
        near: NDArray[np.int64] = self._ids[rows[0][rows[0] >= 0]]
        return near
