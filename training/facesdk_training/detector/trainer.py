"""Trains a finder for a given time: a run that can be stopped after any step and goes on.

The run folder gets ``config.json``, ``log.jsonl`` (a line per evaluation), ``checkpoint.pt`` and
``finder.npz`` (averaged weights). The learning rate follows the clock: what a computer does in the
time decides how many scenes are seen, not whether the rate falls to its end.
"""

from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facesdk.errors import InputError, one_line
from facesdk.files import make_folder, read_regular, write_atomic
from facesdk_training.detector import geometry, judging, weights
from facesdk_training.detector.config import FinderConfig, ScheduleConfig
from facesdk_training.detector.losses import PARTS, loss
from facesdk_training.detector.network import Finder
from facesdk_training.detector.scenes.photos import Photos
from facesdk_training.detector.scenes.reuse import ReusedScenes
from facesdk_training.detector.scenes.scenes import Batch, Scenes
from facesdk_training.runs import folder as run_folder

CONFIG, LOG, CHECKPOINT, WEIGHTS = "config.json", "log.jsonl", "checkpoint.pt", "finder.npz"
_JUDGED_SIDE, _JUDGED_BATCH = 320, 16
_HELD_SEED = 12345

OnStep = Callable[[float, int, float], None]
"""Called after each step with the seconds of training, the steps, and scenes per second."""


@dataclass(frozen=True, slots=True)
class Execution:
    """How a device computes; changes speed, hardly the result.

    Attributes:
        device: ``"cuda"``, ``"cuda:1"`` or ``"cpu"``.
        bfloat16: Whether convolutions run in bfloat16 (heads and losses never do).
        channels_last: Memory layout of the network.
        compiled: Whether network and loss go through ``torch.compile``, which PyTorch has from 2.0.
        benchmark: Whether cuDNN tries its ways for each shape and keeps the fastest.
    """

    device: str
    bfloat16: bool = False
    channels_last: bool = False
    compiled: bool = False
    benchmark: bool = True

    @property
    def layout(self) -> torch.memory_format:
        """Of the network and its inputs."""
        return torch.channels_last if self.channels_last else torch.contiguous_format


def resumed_config(run: Path, assignments: Iterable[str]) -> FinderConfig:
    """The configuration that a run began with, with ``key=value`` assignments applied.

    Raises:
        InputError: There is no run, or an assignment does not fit.
    """
    from facesdk_training.config import toml as assignment
    from facesdk_training.detector import toml

    try:
        record = json.loads(read_regular(run / CONFIG))
    except OSError as error:
        raise InputError(f"{run} holds no run to resume: {error.strerror}") from None
    except ValueError:
        raise InputError(f"{run / CONFIG} is damaged: it is no JSON") from None
    return toml.parse(assignment.assigned(record, assignments), str(run / CONFIG))


def last_record(run: Path) -> dict[str, Any]:
    """The last line of a run's log."""
    record: dict[str, Any] = json.loads((run / LOG).read_text(encoding="utf-8").splitlines()[-1])
    return record


class FinderTrainer:
    """One run.

    Args:
        run: Its folder; with a checkpoint the run goes on from there.
        config: What to do.
        folders: Stores of labelled photos (:mod:`facesdk_training.detector.scenes.store`).
        execution: How.

    Raises:
        InputError: The checkpoint cannot be read or is of another run, or there is none although
            the run has a log.

    Attributes:
        scenes_seen: Scenes trained with, repeated ones and those of ``config.start`` counted.
        photos: Photos that are trained with.
        held: Photos that are held out.
    """

    def __init__(
        self,
        run: Path,
        config: FinderConfig,
        folders: Sequence[Path],
        execution: Execution,
    ) -> None:
        if execution.compiled and not hasattr(torch, "compile"):
            raise InputError(f"PyTorch {torch.__version__} cannot compile: leave --compile out")
        torch.manual_seed(config.seed)
        torch.backends.cudnn.benchmark = execution.benchmark
        torch.backends.cudnn.allow_tf32 = True
        self._run, self._config, self._execution = run, config, execution
        self._device = torch.device(execution.device)
        self._stopped = False
        self._scenes = Scenes(
            Photos(folders, held=False, device=self._device), config.scenes, config.seed + 1
        )
        self.photos = self._scenes.photos.count
        self._batches = ReusedScenes(self._scenes.make, config.schedule.reuse, config.seed)
        self._held = self._held_scenes(folders)
        self._network = self._placed(Finder(config.network))
        self.scenes_seen = weights.load(self._network, Path(config.start)) if config.start else 0
        self._average = self._placed(Finder(config.network)).eval().requires_grad_(False)
        self._average.load_state_dict(self._network.state_dict())
        self._pair = _floats(self._average), _floats(self._network)
        self._optimizer = _optimizer(self._network, config.schedule, self._device)
        self._seconds, self._steps = 0.0, 0
        compiled: Callable[[Any], Any] = torch.compile if execution.compiled else lambda x: x
        self._forward, self._loss = compiled(self._network), compiled(loss)
        make_folder(run)
        if (run / CHECKPOINT).exists():
            self._restore()
            run_folder.forget_log_after(run, self._steps, "steps")
        elif run_folder.read_log(run):
            raise InputError(
                f"{run} has a {LOG} but no {CHECKPOINT} to go on from: put it back, or start a new "
                "run in another folder"
            )

    def stop(self) -> None:
        """Makes :meth:`train` save and return after the current step; safe in a signal handler."""
        self._stopped = True

    def train(self, on_step: OnStep | None = None) -> bool:
        """Trains until the budget is used, or until :meth:`stop`; True when the run is finished."""
        schedule = self._config.schedule
        write_atomic(
            self._run / CONFIG, json.dumps(asdict(self._config), indent=2).encode() + b"\n"
        )
        total, since = torch.zeros(len(PARTS), device=self._device), 0
        last_clock = time.monotonic()
        last_judged, last_seen = self._seconds, self.scenes_seen
        while self._seconds < schedule.budget and not self._stopped:
            total += self._step()
            since += 1
            now = time.monotonic()
            self._seconds += now - last_clock
            last_clock = now
            passed = self._seconds - last_judged
            if on_step is not None:
                speed = (self.scenes_seen - last_seen) / max(passed, 1e-9)
                on_step(self._seconds, self._steps, speed)
            due = passed >= schedule.evaluate_every
            if due or self._seconds >= schedule.budget or self._stopped:
                self._record(total / since, (self.scenes_seen - last_seen) / max(passed, 1e-9))
                total.zero_()
                since = 0
                now = time.monotonic()
                self._seconds += now - last_clock
                last_clock, last_judged, last_seen = now, self._seconds, self.scenes_seen
        self._save()
        return self._seconds >= schedule.budget

    def _step(self) -> Tensor:
        config, schedule = self._config, self._config.schedule
        part = self._seconds / schedule.budget
        rate = schedule.learning_rate * min(
            (self._steps + 1) / schedule.warmup, 0.01 + 0.99 * (1 + math.cos(math.pi * part)) / 2
        )
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        late = max(0.0, 2 * part - 1)
        points = config.loss.points + late * (config.loss.late_points - config.loss.points)
        points_weight = torch.full((), points, device=self._device)
        sides = config.scenes.canvases
        batch = self._batches.next(schedule.batch, sides[self._steps % len(sides)])
        images = batch.images.contiguous(memory_format=self._execution.layout)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._execution.bfloat16):
            maps = self._forward(images)
        value, parts = self._loss(maps, batch.truths, config.loss, points_weight)
        self._optimizer.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(self._network.parameters(), 5.0)
        self._optimizer.step()
        self._bound()
        self._steps += 1
        self.scenes_seen += len(images)
        self._scenes.mistaken(batch, geometry.scores(geometry.joined(maps).values.detach()))
        self._follow()
        return parts

    @torch.no_grad()
    def _bound(self) -> None:
        """Beyond 1 a weight has no gradient, so it could never change its sign again."""
        for weight in self._network.latent():
            weight.clamp_(-1, 1)

    @torch.no_grad()
    def _follow(self) -> None:
        """The average comes a little closer to the network."""
        keep = min(self._config.schedule.average, (1 + self._steps) / (10 + self._steps))
        olds, news = self._pair
        torch._foreach_mul_(olds, keep)
        torch._foreach_add_(olds, news, alpha=1 - keep)

    def _record(self, losses: Tensor, speed: float) -> None:
        values = losses.tolist()
        if not all(math.isfinite(value) for value in values):
            raise InputError(
                f"the loss is no longer a number after {self._steps} steps: lower "
                "schedule.learning_rate, or leave --bfloat16 out, and train again"
            )
        row = {
            "seconds": round(self._seconds, 1),
            "steps": self._steps,
            "scenes": self.scenes_seen,
            "made": self._batches.made,
            "scenes_per_second": round(speed, 1),
            "learning_rate": self._optimizer.param_groups[0]["lr"],
            "losses": dict(zip(PARTS, (round(value, 5) for value in values), strict=True)),
            "held_out": judging.judged(self._average, self._held).to_dict(),
        }
        run_folder.append_log(self._run, row)
        self._save()

    def _save(self) -> None:
        weights.save(self._run / WEIGHTS, self._average, self.scenes_seen)
        content = io.BytesIO()
        torch.save(
            {
                "network": self._network.state_dict(),
                "average": self._average.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "scenes": self._scenes.state(),
                "seconds": self._seconds,
                "steps": self._steps,
                "seen": self.scenes_seen,
                "made": self._batches.made,
            },
            content,
        )
        write_atomic(self._run / CHECKPOINT, content.getvalue())

    def _restore(self) -> None:
        path = self._run / CHECKPOINT
        try:
            saved = torch.load(path, map_location=self._device)
            self._network.load_state_dict(saved["network"])
            self._average.load_state_dict(saved["average"])
            self._optimizer.load_state_dict(saved["optimizer"])
            self._scenes.restore(saved["scenes"])
            self._seconds, self._steps = saved["seconds"], saved["steps"]
            self.scenes_seen, self._batches.made = saved["seen"], saved["made"]
        except Exception as error:  # pickle raises what the bytes happen to ask for
            raise InputError(
                f"{path} is damaged or does not belong to this run ({one_line(error, 200)})"
            ) from None

    def _held_scenes(self, folders: Sequence[Path]) -> list[Batch]:
        photos = Photos(folders, held=True, device=self._device)
        self.held = photos.count
        scenes = Scenes(photos, self._config.scenes, _HELD_SEED)
        count = math.ceil(self._config.schedule.held_scenes / _JUDGED_BATCH)
        return [scenes.make(_JUDGED_BATCH, _JUDGED_SIDE) for _ in range(count)]

    def _placed(self, network: Finder) -> Finder:
        return network.to(self._device, memory_format=self._execution.layout)


def _optimizer(
    network: Finder, schedule: ScheduleConfig, device: torch.device
) -> torch.optim.Optimizer:
    latent = {id(p) for p in network.latent()}
    kernels = [p for p in network.parameters() if p.dim() > 1 and id(p) not in latent]
    others = [p for p in network.parameters() if p.dim() == 1 or id(p) in latent]
    groups = [
        {"params": kernels, "weight_decay": schedule.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    fused = {"fused": True} if device.type == "cuda" else {}
    return torch.optim.AdamW(groups, lr=schedule.learning_rate, **fused)


def _floats(network: Finder) -> list[Tensor]:
    return [value for value in network.state_dict().values() if value.is_floating_point()]
