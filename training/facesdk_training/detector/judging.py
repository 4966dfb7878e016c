"""How well a finder finds the faces of scenes: recall by size, precision, distance of points."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facesdk_training.detector import geometry
from facesdk_training.detector.geometry import Cells
from facesdk_training.detector.scenes.scenes import Batch
from facesdk_training.detector.scenes.truths import FACE, UNCLEAR, Truths

HEIGHTS = (10, 16, 24, 40, 80, 160, 320)
"""Lower bounds of the classes of face heights, in pixels; the last has no upper bound."""
THRESHOLDS = (0.5, 0.6, 0.7, 0.8)
"""Scores at which false faces are counted."""
_SUPPRESSED = 0.3
_MOST_FACES = 300
_FOUND = 0.4
"""Overlap from which a face is found."""


class Found(NamedTuple):
    """Faces of one scene, strongest first: ``(n,)``, ``(n, 4)`` and ``(n, 5, 2)``."""

    scores: Tensor
    boxes: Tensor
    points: Tensor


@dataclass(frozen=True, slots=True)
class Judgement:
    """Figures on scenes of photos that are not trained with.

    Attributes:
        threshold: Least score of a face.
        recall: Share of the faces that are found.
        recall_by_height: The same for each class of :data:`HEIGHTS`; None where there are none.
        faces_by_height: How many there are.
        precision: Share of the found faces that are faces.
        points: Distance of the five points in eye distances, mean per face, median over the
            faces found; None without any.
        false_by_threshold: False faces at each score of :data:`THRESHOLDS`.
        scenes: How many scenes were looked at.
    """

    threshold: float
    recall: float
    recall_by_height: tuple[float | None, ...]
    faces_by_height: tuple[int, ...]
    precision: float
    points: float | None
    false_by_threshold: tuple[int, ...]
    scenes: int

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON has them."""
        return asdict(self)


@dataclass(slots=True)
class _Tally:
    hits: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(HEIGHTS), np.int64))
    faces: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(HEIGHTS), np.int64))
    right: int = 0
    false_scores: list[float] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)
    scenes: int = 0


def found(cells: Cells, least: float) -> Found:
    """Faces of one scene's cells ``(a, 16)`` on the CPU; overlapping ones are suppressed."""
    boxes, points = geometry.decoded(cells)
    scores = geometry.scores(cells.values)
    rows = torch.nonzero(scores >= least)[:, 0]
    rows = rows[scores[rows].argsort(descending=True)][:_MOST_FACES]
    scores, boxes, points = scores[rows], boxes[rows], points[rows]
    close = (geometry.overlaps(boxes[:, None], boxes[None]) > _SUPPRESSED).numpy()
    left, kept = np.ones(len(rows), bool), []
    for row in range(len(rows)):
        if left[row]:
            kept.append(row)
            left &= ~close[row]
    return Found(scores[kept], boxes[kept], points[kept])


@torch.no_grad()
def judged(network: nn.Module, batches: Iterable[Batch], threshold: float = 0.6) -> Judgement:
    """Looks at batches with a network in evaluation mode."""
    tally = _Tally()
    least = min(threshold, *THRESHOLDS)
    for batch in batches:
        cells = Cells(*(part.cpu() for part in geometry.joined(network(batch.images))))
        truths = Truths(*(part.cpu() for part in batch.truths))
        for scene in range(len(batch.images)):
            faces = found(cells._replace(values=cells.values[scene]), least)
            _count(tally, faces, Truths(*(part[scene] for part in truths)), threshold)
    wrong = [sum(score >= bound for score in tally.false_scores) for bound in THRESHOLDS]
    false = sum(score >= threshold for score in tally.false_scores)
    pairs = zip(tally.hits.tolist(), tally.faces.tolist(), strict=True)
    distances = tally.distances
    return Judgement(
        threshold=threshold,
        recall=round(int(tally.hits.sum()) / max(1, int(tally.faces.sum())), 4),
        recall_by_height=tuple(round(hit / faces, 3) if faces else None for hit, faces in pairs),
        faces_by_height=tuple(tally.faces.tolist()),
        precision=round(tally.right / max(1, tally.right + false), 4),
        points=round(float(np.median(distances)), 4) if distances else None,
        false_by_threshold=tuple(wrong),
        scenes=tally.scenes,
    )


def _count(tally: _Tally, faces: Found, truths: Truths, threshold: float) -> None:
    tally.scenes += 1
    common = geometry.overlaps(faces.boxes[:, None], truths.boxes[None])
    sure = faces.scores >= threshold
    taken = np.zeros(len(faces.boxes), bool)
    for face in torch.nonzero(truths.state == FACE)[:, 0].tolist():
        height = float(truths.boxes[face, 3] - truths.boxes[face, 1])
        group = int(np.searchsorted(HEIGHTS, height, "right")) - 1
        tally.faces[group] += 1
        best = int((common[:, face] * sure).argmax()) if len(faces.boxes) else -1
        if best >= 0 and sure[best] and common[best, face] >= _FOUND:
            tally.hits[group] += 1
            taken[best] = True
            own = truths.points[face]
            away = (faces.points[best] - own).norm(dim=-1).mean()
            tally.distances.append(float(away / (own[1] - own[0]).norm().clamp(min=1)))
    tally.right += int(taken.sum())
    if len(faces.boxes):
        false = ~taken & ~_excused(faces, truths, common)
        tally.false_scores += faces.scores[torch.from_numpy(false)].tolist()


def _excused(faces: Found, truths: Truths, common: Tensor) -> NDArray[np.bool_]:
    """Finds that are neither right nor wrong: half in an unclear box, or again on a face."""
    low = torch.maximum(faces.boxes[:, None, :2], truths.boxes[None, :, :2])
    high = torch.minimum(faces.boxes[:, None, 2:], truths.boxes[None, :, 2:])
    inside = (high - low).clamp(min=0).prod(-1)
    share = inside / geometry.areas(faces.boxes)[:, None].clamp(min=1e-6)
    unclear = (share > 0.5) & (truths.state == UNCLEAR)
    again = (common > _SUPPRESSED) & (truths.state == FACE)
    excused: NDArray[np.bool_] = (unclear | again).any(1).numpy()
    return excused
