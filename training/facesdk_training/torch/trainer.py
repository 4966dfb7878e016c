"""The training loop of the training engine "torch": the run folder is the Keras engine's.

Everything but decoding is on the device: crops, targets, distortions, the teachers of blends. Each
stage trains one form of the network and hands its weights to the next.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facesdk.errors import FaceSDKError, InputError, one_line
from facesdk.evaluation.calibration import PairSimilarities
from facesdk.files import write_atomic
from facesdk_training.architectures.registry import NetworkConfig
from facesdk_training.config.run import RunConfig
from facesdk_training.config.stages import Stage
from facesdk_training.data.compensation import LAST_LAYERS, compensation, folded
from facesdk_training.data.validation import calibration_of, figures
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import hdf5
from facesdk_training.runs.checkpoints import words_of_kept
from facesdk_training.torch import checkpoints
from facesdk_training.torch.course import Course
from facesdk_training.torch.device.acceleration import Pacer
from facesdk_training.torch.device.batches import DeviceBatches
from facesdk_training.torch.device.held_out import HeldOut
from facesdk_training.torch.learner import Acceleration, Learner
from facesdk_training.torch.networks.network import Network
from facesdk_training.torch.objectives import Objective
from facesdk_training.torch.processes import Processes
from facesdk_training.torch.statistics import measure_statistics
from facesdk_training.torch.terms import Terms
from facesdk_training.torch.weights import (
    keras_weights,
    latent_weights,
    save_latent,
    set_keras_weights,
)

_LOOK_EVERY = 50
"""Steps between looks at the loss on a GPU, each of which waits for it; 1 on a CPU."""

_STATISTICS_CROPS = 256


class DivergedError(FaceSDKError):
    """The loss is no number any more; more steps cannot mend that."""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What a trainer works with.

    Attributes:
        device: Where.
        batches: What is trained on.
        held_out: What is not.
        objective: Makes what is minimised, once per stage.
        terms: Makes what is asked of a network besides; its layers are looked at on the CPU.
        acceleration: What may be used to make a step faster.
        processes: Those that share the work.
        initialise: Gives a fresh network the weights to start from.
        build: Makes the network of a stage.
    """

    device: torch.device
    batches: DeviceBatches
    held_out: HeldOut
    objective: Callable[[], Objective]
    terms: Callable[[Network], Terms]
    acceleration: Acceleration
    processes: Processes
    initialise: Callable[[Network], None]
    build: Callable[[NetworkConfig], Network]


class Trainer:
    """A run that can be interrupted after any step; see :class:`~facesdk_training.engines.Trainer`.

    On a CPU it goes on as if it had not been; on a GPU up to the order in which sums are rounded.

    Attributes:
        notes: What was asked for and could not be had, one line each.
    """

    def __init__(self, run: Path, config: RunConfig, setting: Setting) -> None:
        """Builds the network, from the last state if the run has one.

        Raises:
            InputError: The state is of another network, or the run has logged steps and no state
                can be read.
        """
        self.notes: list[str] = list(setting.batches.notes)
        self._run, self._config, self._setting = run, config, setting
        self._course = Course(config, setting.batches.steps_per_epoch)
        self._stopping = False
        found = checkpoints.found(run)
        self.notes.extend(found.notes)
        torch.manual_seed(config.seed + setting.processes.rank)
        if found.step is not None:
            self._restore(found.step)
        else:
            self._enter(self._course.stages[0])
            setting.initialise(self._learner.network)
            self._learner.kept.load_state_dict(self._learner.network.state_dict())
        setting.processes.share_weights(self._learner.network)

    @property
    def step(self) -> int:
        """Number of finished steps."""
        return self._course.step

    @property
    def total_steps(self) -> int:
        """Steps of the whole run; an estimate where a budget of time decides."""
        return self._course.expected_steps

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder."""
        return self._setting.processes.rank == 0

    def stop(self) -> None:
        """Makes :meth:`train` save and return after the current step; safe in a signal handler."""
        self._stopping = True

    def train(self, on_step: Callable[[int, float, float], None] = lambda *_: None) -> bool:
        """Trains to the end, or until :meth:`stop`.

        Args:
            on_step: Called with the number of finished steps, the loss and the crops per second;
                on a GPU not after every step.

        Returns:
            Whether the run is finished: weights and calibration are written.

        Raises:
            DivergedError: The loss is not finite.
            InputError: A file of the run cannot be written.
        """
        course, setting = self._course, self._setting
        look_every = _LOOK_EVERY if setting.device.type == "cuda" else 1
        pacer, done = Pacer(), 0
        started = validated = time.monotonic()
        while not setting.processes.agree(course.ended):
            stage = course.stage
            if stage is not self._stage:
                self._enter(stage, keras_weights(self._learner.network))
            rate = course.learning_rate()
            self._sums += self._learner.step(setting.batches.next(course.progress), rate)
            self._learner.keep(course.step)
            pacer.wait()
            now = time.monotonic()
            course.seconds, started = course.seconds + now - started, now
            course.step, course.stage_steps = course.step + 1, course.stage_steps + 1
            self._since, done = self._since + 1, done + 1
            ends = course.ended or course.stage is not self._stage
            validates = ends or course.step % self._config.validation.every == 0
            if validates or done % look_every == 0:
                mean = (self._sums / self._since).tolist()
                self._require_finite(mean[0])
                speed = done * self._config.batch_size / (time.monotonic() - validated)
                on_step(course.step, mean[0], speed)
                if validates:
                    self._validate(mean, rate, speed)
                    self._begin_interval()
                    done, validated = 0, time.monotonic()
            stopping = setting.processes.agree(self._stopping)
            if validates or stopping:
                self._save()
            if stopping and not course.ended:
                self._write_latent()
                return False
        self._write_latent()
        if self._since:  # it was resumed to end where it was interrupted
            self._validate((self._sums / self._since).tolist(), course.learning_rate(), speed=0.0)
        if self.is_chief:
            self._finish()
        return True

    def _begin_interval(self) -> None:
        self._sums = torch.zeros(len(self._parts), device=self._setting.device)
        self._since = 0

    def _require_finite(self, loss: float) -> None:
        if math.isfinite(loss):
            return
        saved = next(reversed(checkpoints.saved_steps(self._run)), None)
        raise DivergedError(
            f"the loss is not finite by step {self.step}: lower schedule.learning_rate or set "
            f"optimizer.clip_norm in a new run; {words_of_kept(saved)}"
        )

    def _enter(self, stage: Stage, weights: dict[str, list[NDArray[Any]]] | None = None) -> None:
        setting = self._setting
        network = setting.build(stage.network)
        if weights is not None:
            _inherit(network, weights)
        terms = setting.terms(network).to(setting.device)
        network.to(setting.device, memory_format=torch.channels_last)
        objective = setting.objective().to(setting.device)
        self._stage, self._parts = stage, (*objective.parts, *terms.parts)
        self._course.stage_steps = 0
        self._begin_interval()
        self._learner = Learner(
            network,
            objective,
            terms,
            self._config.optimizer,
            setting.acceleration,
            setting.processes.shared,
        )
        self.notes.extend(note for note in self._learner.notes if note not in self.notes)

    def _restore(self, step: int) -> None:
        state = checkpoints.read(self._run, step, torch.device("cpu"))
        course = self._course
        self._enter(course.stages[state["stage"]])
        course.step, course.seconds = state["step"], state["seconds"]
        course.stage_steps = state["stage_steps"]
        if course.stage.number < state["stage"]:
            raise InputError(
                f"the run has entered stages.{state['stage']}, but {course.seconds:.0f} seconds of "
                f"a budget of {self._config.budget:g} end in stages.{course.stage.number}: give a "
                "smaller one"
            )
        if interval := state.get("interval"):  # states of earlier versions have none
            self._sums, self._since = interval["sums"].to(self._sums.device), interval["steps"]
        try:
            self._learner.restore(state["learner"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise InputError(
                f"the state of step {step} in {self._run} does not fit stage {state['stage']}: "
                f"{str(error).splitlines()[0]}"
            ) from None
        rank = self._setting.processes.rank
        if rank:  # what was saved is the chief's place in its crops; others draw their own
            torch.manual_seed(self._config.seed + rank + step)
        else:
            self._setting.batches.restore(state["batches"])
        if self.is_chief:
            checkpoints.forget_after(self._run, step)
            # a validation that is not part of the state is made again
            run_folder.forget_log_after(self._run, step - bool(self._since))

    def _save(self) -> None:
        if not self.is_chief:
            return
        state = {
            "step": self.step,
            "seconds": self._course.seconds,
            "stage": self._stage.number,
            "stage_steps": self._course.stage_steps,
            "learner": self._learner.state(),
            "batches": self._setting.batches.state(),
            "interval": {"sums": self._sums, "steps": self._since},
        }
        checkpoints.save(self._run, self.step, state)

    def _validate(self, parts: list[float], rate: float, speed: float) -> None:
        if not self.is_chief:
            return
        kept = self._learner.catch_up()
        row = {
            "step": self.step,
            "stage": self._stage.number,
            "images": self.step * self._config.batch_size,
            "seconds": round(self._course.seconds, 1),
            **dict(zip(self._parts, parts, strict=True)),
            "learning_rate": rate,
            "images_per_second": speed,
            **figures(self._setting.held_out.pairs(kept)),
        }
        final = self._stage.number == len(self._course.stages) - 1
        best = run_folder.best_figure(self._run, self._metric, self._stage.number)
        if final and (best is None or row[self._metric] > best):
            self._write_weights(run_folder.BEST, kept)
        run_folder.append_log(self._run, row)

    @property
    def _metric(self) -> str:
        return f"validation_{self._config.validation.metric}"

    def _write_weights(self, name: str, network: Network) -> None:
        write_atomic(self._run / name, hdf5.weights_file(keras_weights(network)))

    def _write_latent(self) -> None:
        if self.is_chief:
            save_latent(self._run / run_folder.LATENT, self._learner.network)

    def _finish(self) -> None:
        kept = self._learner.kept
        path = run_folder.best_weights(self._run)
        try:
            best = hdf5.read_weights(path.read_bytes())
        except (OSError, KeyError) as error:
            raise InputError(f"cannot read {path}: {one_line(error, 200)}") from None
        set_keras_weights(kept, best, run_folder.BEST)
        held_out = self._setting.held_out
        pairs, statistics = held_out.pairs(kept), "training"
        if self._config.statistics:
            measured = self._with_statistics(kept, pairs)
            if measured is not None:
                pairs, statistics = measured, "undistorted"
        content = hdf5.weights_file(keras_weights(kept))
        if self._config.nuisances:
            self._compensate(kept)
            pairs = held_out.pairs(kept)
        run_folder.write_record(
            self._run / run_folder.CALIBRATION,
            {
                "crops": len(held_out.people),
                "identities": len(np.unique(held_out.people)),
                "statistics": statistics,
                **figures(pairs),
                **calibration_of(pairs),
            },
        )
        self._write_weights(run_folder.WEIGHTS, kept)
        write_atomic(path, content)  # last: all of this begins with it

    @torch.no_grad()
    def _compensate(self, network: Network) -> None:
        """Folds what compensates the nuisances into the last layers of a network."""
        nuisances, copies = self._config.nuisances, self._setting.batches.copies
        embeddings = [
            torch.cat([network(x).float() for x in copies(row)]).cpu().numpy() for row in nuisances
        ]
        change, weights = compensation(nuisances, embeddings), keras_weights(network)
        changed = {name: folded(weights[name], change) for name in LAST_LAYERS if name in weights}
        set_keras_weights(network, changed, "nuisances")

    def _with_statistics(
        self, network: Network, before: PairSimilarities
    ) -> PairSimilarities | None:
        """Measures statistics anew; None, and the old ones, where the figures do not gain."""
        batches = self._setting.batches
        old = {name: value.clone() for name, value in network.state_dict().items()}
        crops = (batches.undistorted(_STATISTICS_CROPS) for _ in range(self._config.statistics))
        measure_statistics(network, crops)
        after = self._setting.held_out.pairs(network)
        if figures(after)[self._metric] > figures(before)[self._metric]:
            return after
        network.load_state_dict(old)
        return None


def _inherit(network: Network, weights: dict[str, list[NDArray[Any]]]) -> None:
    """Takes over a stage's weights; float kernels that become latent are scaled into [-1, 1]."""
    set_keras_weights(network, weights, "the stage before")
    with torch.no_grad():
        for kernel in latent_weights(network):
            kernel /= kernel.abs().max().clamp_min(1.0)
