"""Model files by name, and those that finished runs of ``facesdk train`` become."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path

from facesdk.errors import require_extra
from facesdk.models import registry

GROUP = "facesdk.model_files"
"""Entry points of packages that make a model file of something else, by kind."""

_CONFIG = "config.json"
"""What a folder of a run holds."""


def is_run(path: Path) -> bool:
    """Whether a path is a run of ``facesdk train`` or ``facesdk compress``."""
    return (path / _CONFIG).is_file()


@contextmanager
def model_files(
    names: Sequence[str], tell: Callable[[str], None] | None = None
) -> Iterator[list[Path]]:
    """The files of models; those of finished runs are there as long as the context.

    Args:
        names: Packaged models, model files and finished runs. A run is converted as
            ``facesdk compress`` does for its report: by ``lce`` where layers read signs, by
            ``binary-weights`` where kernels are signs, else by ``float32``.
        tell: Told in a sentence what each run was made.

    Raises:
        ModelError: There is no such model, or the network cannot be converted.
        InputError: A run is not finished.
        DependencyError: A run needs an extra that is missing.
    """
    with tempfile.TemporaryDirectory(prefix="facesdk-") as folder:
        yield [
            _converted(path, Path(folder) / str(number), tell) if is_run(path) else path
            for number, path in enumerate(registry.resolve(name) for name in names)
        ]


def _converted(run: Path, folder: Path, tell: Callable[[str], None] | None) -> Path:
    require_extra("larq_compute_engine", extra="convert")
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:  # its memory is not the model's
        target, content = pool.submit(_convert, run).result()
    if tell is not None:
        tell(f"{run}: as `facesdk convert {target}` writes it")
    folder.mkdir()
    path = folder / f"{run.resolve().name}.tflite"
    path.write_bytes(content)
    return path


def _convert(run: Path) -> tuple[str, bytes]:
    (point,) = entry_points(group=GROUP, name="run")
    convert: Callable[[Path], tuple[str, bytes]] = point.load()
    return convert(run)
