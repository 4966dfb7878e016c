"""The exception tree of facesdk and the process exit codes.

Every message is one line that says what was wrong and what to do. The command line maps an
exception to a status through :attr:`FaceSDKError.exit_code`, and nowhere else.

====  =============================================================
code  meaning
====  =============================================================
0     success; for ``verify``: the same person; for ``identify``: somebody who is enrolled
1     ``verify``: different people; ``identify``: nobody who is enrolled
2     usage or bad input (arguments, images, models)
3     this installation cannot do it (runtime, operators, a library)
4     ``bench``: measured, but flagged or slower than the baseline; ``forget`` and ``rotate-key``:
      done, but the old bytes could not leave the files yet
5     a photo has no face, or not the one that ``--face`` asks for
6     ``verify`` only: a face is not fit to be compared
70    a bug of facesdk
130   interrupted
141   nobody reads the output any more (``facesdk ... | head -1``)
====  =============================================================
"""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

EXIT_SAME = 0
EXIT_DIFFERENT = 1
EXIT_UNKNOWN = 1
EXIT_BAD_INPUT = 2
EXIT_UNAVAILABLE = 3
EXIT_DOUBTFUL = 4
EXIT_NO_FACE = 5
EXIT_LOW_QUALITY = 6
EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141

TRAINING_PYTHON_LIMIT = (3, 13)
"""First Python that the train and convert extras have no packages for."""


class FaceSDKWarning(UserWarning):
    """What a caller should know although it is no error; the command line prints it on stderr."""


class FaceSDKError(Exception):
    """Base of all errors that facesdk raises on purpose."""

    exit_code = EXIT_BAD_INPUT


class InputError(FaceSDKError):
    """A path, an image, an array or an option is not usable."""


class NoFaceError(InputError):
    """An operation needs a face and the image has none (or not the one asked for)."""

    exit_code = EXIT_NO_FACE


class SourceLostError(InputError):
    """A camera or a stream cannot be reached, or gives no more pictures; another try may help."""


class LowQualityError(InputError):
    """A face is not fit to be compared: a verdict on it would not mean what it says.

    Args:
        message: One line.
        reasons: What is wrong, a sentence each, with the photo's name before it.
        quality: The :class:`facesdk.results.Quality` of each face.
    """

    exit_code = EXIT_LOW_QUALITY

    def __init__(
        self, message: str, reasons: tuple[str, ...] = (), quality: tuple[Any, ...] = ()
    ) -> None:
        super().__init__(message)
        self.reasons = reasons
        self.quality = quality

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.reasons, self.quality)


class ModelError(FaceSDKError):
    """A model file is missing, corrupt, or not of the kind that was asked for."""


class ContractError(ModelError):
    """A model carries no contract, or one that this version cannot read."""


class EmbeddingMismatchError(FaceSDKError):
    """Embeddings of two different models were compared."""


class GalleryError(FaceSDKError):
    """A gallery is missing, damaged, of another version, or does not open with this key."""


class RuntimeUnavailableError(FaceSDKError):
    """No TFLite runtime is installed, or the requested one is not."""

    exit_code = EXIT_UNAVAILABLE


class OperatorLibraryError(FaceSDKError):
    """The operator library is missing or refused to load."""

    exit_code = EXIT_UNAVAILABLE


class DependencyError(FaceSDKError):
    """A library is missing or broken: one that facesdk needs, or an optional extra."""

    exit_code = EXIT_UNAVAILABLE


def one_line(error: object, limit: int | None = None) -> str:
    """The message of a foreign error, fit for one line of ours.

    Args:
        error: An exception, or its words.
        limit: Most characters of it; None for all.

    Returns:
        Its words with single blanks between them; the exception's class where it has no words.
    """
    return " ".join(str(error).split())[:limit] or type(error).__name__


def require_extra(module: str, *, extra: str) -> None:
    """Raise unless an optional dependency can be imported.

    Args:
        module: The top-level module the caller is about to import, for example ``"tensorflow"``.
        extra: The extra of the distribution, ``facesdk-edge``, that provides it.

    Raises:
        DependencyError: The module is not installed; the message names the pip line.
    """
    if importlib.util.find_spec(module) is None:
        late = extra in ("train", "convert") and sys.version_info >= TRAINING_PYTHON_LIMIT
        limit = " with Python 3.10 to 3.12" if late else ""
        raise DependencyError(
            f"this command needs {module}, which is not installed: "
            f"run `pip install 'facesdk-edge[{extra}]'`{limit}"
        )
