"""What makes a step faster on a GPU, and says so where it cannot be had.

Blocks are compiled one by one: a network repeats few kinds, so the compiler has little to do. The
whole step is then recorded once as a CUDA graph and replayed, which leaves the processor out of it.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

_WARM_UP = 3
_VARIANTS = 32
_RENEWED_EVERY = 128
"""Calls between recordings of which the oldest is replaced."""

_MOST_KINDS = 64
"""Kinds of blocks, by shapes, that are compiled before the rest runs as it is."""


def compile_blocks(blocks: Sequence[nn.Module]) -> str:
    """Compiles modules in place, when they are first called.

    Returns:
        Why that is not possible; empty if it is.
    """
    if not hasattr(torch, "compile") or not hasattr(nn.Module, "compile"):
        return f"PyTorch {torch.__version__} cannot compile modules: 2.2 or later can"
    if not torch.cuda.is_available():
        return "there is no GPU to compile for"
    settings = importlib.import_module("torch._dynamo.config")
    for name in ("recompile_limit", "cache_size_limit"):  # the later name first
        if hasattr(settings, name):
            setattr(settings, name, _MOST_KINDS)
            break
    for block in blocks:
        block.compile(dynamic=False)
    return ""


class Recorded:
    """A function of tensors that always have the same shapes, recorded as a CUDA graph.

    Attributes:
        refused: Why it was not recorded; empty if it was.
    """

    def __init__(self, function: Callable[..., Tensor], *examples: Tensor, record: bool) -> None:
        """Runs the function a few times, and records it if asked.

        Args:
            function: Must neither wait for the device nor depend on anything but its arguments and
                tensors that stay where they are.
            examples: Arguments of the shapes to come.
            record: Whether to record.
        """
        self._function = function
        self._graph: torch.cuda.CUDAGraph | None = None
        self.refused = "" if record else "not asked for"
        if record and not torch.cuda.is_available():
            self.refused = "there is no GPU to record on"
        if self.refused:
            return
        self._inputs = [example.clone() for example in examples]
        try:
            self._record()
        except RuntimeError as error:
            self._graph = None
            self.refused = str(error).splitlines()[0]
            with contextlib.suppress(RuntimeError):
                torch.cuda.synchronize()

    def __call__(self, *arguments: Tensor) -> Tensor:
        """The function's result; overwritten by the next call."""
        if self._graph is None:
            return self._function(*arguments)
        for held, given in zip(self._inputs, arguments, strict=True):
            held.copy_(given)
        self._graph.replay()
        return self._output

    def _record(self) -> None:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                self._function(*self._inputs)
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._output = self._function(*self._inputs)
        self._graph = graph


class Varied:
    """A function whose draws on the processor a recording would fix: several recordings of it.

    One of them is replayed for each call, drawn anew; what is drawn on the device differs in each
    replay. Now and then the oldest recording is made anew, by what the function depends on then.

    Attributes:
        refused: Why nothing was recorded; empty if it was.
    """

    def __init__(
        self, function: Callable[[Tensor, float], Tensor], example: Tensor, *, record: bool
    ) -> None:
        """Records it once, to know whether that is possible.

        Args:
            function: Of a tensor that always has the same shape, and of the run's progress.
            example: A tensor of that shape.
            record: Whether to record.
        """
        self._function, self._input = function, example.clone()
        self._calls, self._recorded = 0, list[tuple[torch.cuda.CUDAGraph, Tensor]]()
        self.refused = "" if record else "not asked for"
        if record and not torch.cuda.is_available():
            self.refused = "there is no GPU to record on"
        if not self.refused:
            self._try_to_record(0.0)

    def __call__(self, argument: Tensor, progress: float) -> Tensor:
        """The function's result; overwritten by the next call."""
        if self.refused:
            return self._function(argument, progress)
        self._input.copy_(argument)
        if len(self._recorded) < _VARIANTS or self._calls % _RENEWED_EVERY == 0:
            self._try_to_record(progress)
            if self.refused:
                return self._function(argument, progress)
        self._calls += 1
        graph, output = self._recorded[int(torch.randint(0, len(self._recorded), ()))]
        graph.replay()
        return output

    def _try_to_record(self, progress: float) -> None:
        try:
            self._record(progress)
        except RuntimeError as error:
            self.refused = str(error).splitlines()[0]
            with contextlib.suppress(RuntimeError):
                torch.cuda.synchronize()

    def _record(self, progress: float) -> None:
        drawn = torch.get_rng_state()
        searches, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, False
        try:
            self._function(self._input, progress)  # what is made once is made outside of the graph
            torch.cuda.synchronize()
            torch.set_rng_state(drawn)
            graph = torch.cuda.CUDAGraph()
            pool = self._recorded[0][0].pool() if self._recorded else None
            with torch.cuda.graph(graph, pool=pool):
                output = self._function(self._input, progress)
        finally:
            torch.backends.cudnn.benchmark = searches
        self._recorded = [*self._recorded[-_VARIANTS + 1 :], (graph, output)]


class Pacer:
    """Keeps the processor at most two steps ahead of the device, so that its clock is right."""

    def __init__(self) -> None:
        self._events = [torch.cuda.Event() for _ in range(2)] if torch.cuda.is_available() else []
        self._count = 0

    def wait(self) -> None:
        """Call it after each step: waits for the step before the one before."""
        if not self._events:
            return
        event = self._events[self._count % len(self._events)]
        if self._count >= len(self._events):
            event.synchronize()
        event.record()
        self._count += 1
