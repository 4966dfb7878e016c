r"""Strangers in photos spoilt in ways that no network was trained, chosen or measured by before.

    python -m tools.experiments.degraded.unseen compactfacenet-qb mobilefacenet-w7a8 \
        --teacher MobileFaceNet.tflite:tools/peers/mobilefacenet.contract.json \
        --faces faces --cache build/accuracy

FMR and FNMR at the threshold for 0.001 where both crops are spoilt in one way; with ``full_norm``,
which makes the embeddings of unclear faces shorter, and without.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from facesdk.evaluation.calibration import all_pairs
from facesdk.results import FloatArray
from tools.experiments import accuracy_tables
from tools.experiments.accuracy_tables import HeldOut, Model
from tools.experiments.degraded.levels import SIDE, Crop, Degradation

FMR = 1e-3
NOSE = (56, 72)

_Y, _X = np.mgrid[:SIDE, :SIDE].astype(np.float32)


def doubled(pixels: int) -> Degradation:
    """The picture and another of it so many pixels beside, in equal parts."""
    return lambda crop, _: ((crop + np.roll(crop, pixels, axis=1).astype(np.uint16)) // 2).astype(
        np.uint8
    )


def under(mask: np.ndarray, light: float) -> Degradation:
    """Only so much of the light where a mask is."""
    factor = np.where(mask, light, 1.0)[..., None]
    return lambda crop, _: (crop * factor).astype(np.uint8)


def painted(mask: np.ndarray, level: int) -> Degradation:
    return lambda crop, _: np.where(mask[..., None], np.uint8(level), crop)


def median(side: int) -> Degradation:
    return lambda crop, _: cv2.medianBlur(crop, side)


def resampled(columns: np.ndarray) -> Degradation:
    """Each pixel taken from another column of its row."""
    return lambda crop, _: cv2.remap(crop, columns.astype(np.float32), _Y, cv2.INTER_LINEAR)


def lettered(opacity: float) -> Degradation:
    """A word across the face."""

    def change(crop: Crop, _: np.random.Generator) -> Crop:
        text = cv2.putText(
            *(crop.copy(), "SAMPLE", (4, 64), cv2.FONT_HERSHEY_SIMPLEX, 0.85, (255,) * 3, 3)
        )
        return (crop * (1 - opacity) + text * opacity).astype(np.uint8)

    return change


def spot(crop: Crop, _: np.random.Generator) -> Crop:
    """A lamp that is reflected by the nose."""
    squared = (_X - NOSE[0]) ** 2 + (_Y - NOSE[1]) ** 2
    light = 306 * np.exp(-squared / (2 * 14**2))[..., None]
    return np.clip(crop + light, 0, 255).astype(np.uint8)


def sparkled(crop: Crop, rng: np.random.Generator) -> Crop:
    drawn = rng.random((SIDE, SIDE, 1))
    return np.where(drawn < 0.08, 0, np.where(drawn > 0.92, 255, crop)).astype(np.uint8)


def two_tones(crop: Crop, _: np.random.Generator) -> Crop:
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return cv2.cvtColor(np.uint8(255) * (grey > np.median(grey)), cv2.COLOR_GRAY2RGB)


def drawing(crop: Crop, _: np.random.Generator) -> Crop:
    edges = cv2.Canny(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), 60, 120)
    return cv2.cvtColor(255 - edges, cv2.COLOR_GRAY2RGB)


def one_half_wider() -> np.ndarray:
    """Columns that show the left sixth of a face as its left half."""
    half = SIDE // 2
    return np.maximum(_X / 3, half / 3 + (_X - half) * (SIDE - half / 3) / half)


UNSEEN: dict[str, Degradation] = {
    "a second picture 16 pixels beside": doubled(16),
    "a second picture 8 pixels beside": doubled(8),
    "a bright spot on the nose": spot,
    "light from one side": lambda crop, _: np.clip(
        crop * np.clip((_X - 20) / 60, 0.02, 1.6)[..., None], 0, 255
    ).astype(np.uint8),
    "haze, 15 % of the contrast left": lambda crop, _: (0.15 * crop + 187).astype(np.uint8),
    "one half three times as wide": resampled(one_half_wider()),
    "rows shifted by waves of 4 pixels": resampled(_X + 4 * np.sin(_Y / 6)),
    "a cartoon filter": lambda crop, _: cv2.stylization(crop, sigma_s=60, sigma_r=0.45),
    "median of 9 pixels": median(9),
    "median of 15 pixels": median(15),
    "a dark telephone before a corner of the mouth": painted(
        (_Y >= 78) & (_X >= 20) & (_X < 52), 20
    ),
    "a bold word across the face": lettered(0.9),
    "a thin word across the face": lettered(0.35),
    "dark dots, 7 pixels apart": painted((_Y % 7 - 3) ** 2 + (_X % 7 - 3) ** 2 < 5, 30),
    "a fence of diagonals, 14 pixels apart": painted(
        ((_Y + _X) % 14 < 3) | ((_Y - _X) % 14 < 3), 200
    ),
    "black bars, 5 of 12 pixels": painted(_X % 12 < 5, 0),
    "every third line darkened": under(_Y % 3 == 0, 1 / 3),
    "8 % black and 8 % white pixels": sparkled,
    "three levels a channel": lambda crop, _: (crop // 86 * 86 + 40).astype(np.uint8),
    "black and white alone": two_tones,
    "edges alone": drawing,
    "negative": lambda crop, _: 255 - crop,
    "upside-down": lambda crop, _: crop[::-1, ::-1].copy(),
}


def unseen_table(models: Sequence[Model], people: HeldOut) -> None:
    """Prints FMR and FNMR of each model in each way, with ``full_norm`` and without, in per cent.

    Args:
        models: The recognisers.
        people: Whose photos are spoilt: every fourth of them.
    """
    some = people.part()
    rows = {name: [name] for name in UNSEEN}
    for model in models:
        clean = all_pairs(model.vectors("held-out", people.crops), people.people)
        threshold = next(
            row.similarity for row in accuracy_tables.thresholds_of(model, clean) if row.fmr == FMR
        )
        for name, change in UNSEEN.items():
            rng = np.random.default_rng(1)
            crops = np.stack([change(crop.copy(), rng) for crop in some.crops])
            vectors = model.vectors(f"unseen, {name}", crops)
            unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            rows[name] += [_rates(found, some, threshold) for found in (vectors, unit)]
    heads = ["spoilt by"]
    for model in models:
        heads += [model.embedder.name, f"{model.embedder.name}, norm 1"]
    accuracy_tables.table(heads, list(rows.values()))


def _rates(vectors: FloatArray, people: HeldOut, threshold: float) -> str:
    fmr, fnmr = accuracy_tables.rates(all_pairs(vectors, people.people), threshold)
    return f"{accuracy_tables.percent(fmr, 2)} / {accuracy_tables.percent(fnmr)}"


def main(arguments: Sequence[str] | None = None) -> None:
    given = accuracy_tables.from_command_line(__doc__, arguments)
    unseen_table(given.models, given.people)


if __name__ == "__main__":
    main()
