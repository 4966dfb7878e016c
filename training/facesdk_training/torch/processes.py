"""Several processes that work on one run, a GPU each: data parallelism by ``torchrun``.

Every process draws its own part of each batch; gradients are averaged, so all hold the same
weights. Batch normalisation goes by the statistics of its own part.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True, slots=True)
class Processes:
    """One process among those of a run.

    Attributes:
        rank: Its number from 0; 0 writes the run folder.
        count: How many there are.
        device: What it computes on.
        wishes: float32 ``()`` on the device, in which the processes add up what they wish.
    """

    rank: int
    count: int
    device: torch.device
    wishes: Tensor

    def shared(self, module: nn.Module) -> nn.Module:
        """The module with gradients that are averaged over all processes."""
        if self.count == 1:
            return module
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=devices)

    def share_weights(self, module: nn.Module) -> None:
        """Gives all processes the first one's weights."""
        if self.count > 1:
            for value in module.state_dict().values():
                distributed.broadcast(value, 0)

    def agree(self, wish: bool) -> bool:
        """Whether any process wishes it: they all get the same answer."""
        if self.count == 1:
            return wish
        self.wishes.fill_(float(wish))
        distributed.all_reduce(self.wishes)
        return bool(self.wishes > 0)


@cache
def join() -> Processes:
    """Joins the processes that ``torchrun`` started (RANK, WORLD_SIZE, LOCAL_RANK), if it did.

    What it returns is kept until the interpreter ends, and with it the tensor that was added up
    last: a thread of Gloo's that drops one after that takes the process down.
    """
    count, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if count > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Processes(rank, count, device, torch.zeros((), device=device))
