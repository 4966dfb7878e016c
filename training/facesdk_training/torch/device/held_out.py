"""The crops of a run on the device, and figures on those that are held out."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facesdk.evaluation.calibration import PairSimilarities, all_pairs
from facesdk_training.data.crops import Crops
from facesdk_training.torch.device.batches import embedded
from facesdk_training.torch.device.distortions import Distortions

_BATCH = 256


def on_device(
    crops: Crops, rows: Sequence[int] | NDArray[np.int64], device: torch.device, workers: int
) -> Tensor:
    """Decodes crops and lays them on the device: uint8 [N, 3, S, S], RGB.

    Raises:
        InputError: A crop cannot be decoded.
    """
    with ThreadPoolExecutor(workers) as pool:
        images = np.stack(list(pool.map(crops.image, rows)))
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).to(device)


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Crops that are not trained on.

    Attributes:
        crops: uint8 [N, 3, S, S], on the device.
        people: int64 [N], who they show.
        plain: Cuts the network's window out of them.
    """

    crops: Tensor
    people: NDArray[np.int64]
    plain: Distortions

    def pairs(self, network: nn.Module) -> PairSimilarities:
        """Similarities of all pairs: one centre crop each, not mirrored."""
        found = embedded(network, self.crops, self.plain, _BATCH)
        return all_pairs(found.cpu().numpy(), self.people)
