"""A model file: its bytes, its digest, its contract, and the custom operators it needs."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from facesdk.errors import ContractError, ModelError
from facesdk.files import read_regular
from facesdk.models import packed
from facesdk.models.contract import EMBEDDING_FIELDS, METADATA_NAME, Contract, Original
from facesdk.tflite.cut import cut
from facesdk.tflite.flatbuffer import FlatbufferError, Table
from facesdk.tflite.graph import Graph, custom_operators, read_graph
from facesdk.tflite.verifier import verify

if TYPE_CHECKING:
    from facesdk.tflite.quantization import Quantization

MAX_MODEL_BYTES = 1 << 30
_PACKAGED = Path(__file__).parent
_ALIGNMENT = 16
"""Of the data of a ``Buffer``, in TensorFlow Lite's ``schema.fbs``."""


@dataclass(frozen=True)
class ModelBundle:
    """A verified model file, made by :meth:`load` or :meth:`from_bytes`.

    Attributes:
        path: Where it was read from.
        content: The whole file; what was in the container where it was read from one.
        root: Its root table.
        custom_ops: Names of the custom operators in it, for example ``("LceBconv2d",)``.
        embedded_contract: The contract in the file; None if it carries none.
        packed_bytes: Size of the container it was read from (:mod:`facesdk.models.packed`); None
            for a plain model file.
        trusted: Whether it runs without a probe (:mod:`facesdk.runtime.probe`): it is packaged, or
            its user says so.
    """

    path: Path
    content: bytes = field(repr=False)
    root: Table = field(repr=False)
    custom_ops: tuple[str, ...]
    embedded_contract: Contract | None
    packed_bytes: int | None = None
    trusted: bool = False

    @staticmethod
    def load(path: str | os.PathLike[str], *, trust: bool = False) -> ModelBundle:
        """Read and verify a ``.tflite`` or ``.tflite.pack`` file.

        Args:
            path: The file.
            trust: Whether to run it without a probe. Packaged files need none.

        Raises:
            ModelError: The file is missing, unreadable, truncated, or not a TFLite model.
            ContractError: It carries a contract that this version cannot read.
        """
        path = Path(path)
        return ModelBundle.from_bytes(_read(path), path, trust=trust)

    @staticmethod
    def from_bytes(
        content: bytes, path: str | os.PathLike[str], *, trust: bool = False
    ) -> ModelBundle:
        """Verify the content of a ``.tflite`` or ``.tflite.pack`` file.

        Args:
            content: The whole file.
            path: What the bundle and error messages call it; nothing is read there.
            trust: See :meth:`load`.

        Raises:
            ModelError: It is truncated, or not a TFLite model.
            ContractError: It carries a contract that this version cannot read.
        """
        path = Path(path)
        packaged = path.parent.parent == _PACKAGED
        packed_bytes = len(content) if packed.is_packed(content) else None
        try:
            if packed_bytes is not None:
                content = packed.unpack(content, max_bytes=MAX_MODEL_BYTES)
            model = verify(content, operators=not packaged)
        except packed.PackedError as error:
            raise ModelError(f"{path} is not a usable packed model: {error}") from None
        except FlatbufferError as error:
            raise ModelError(
                f"{path} is not a usable TFLite model, or is truncated: {error}"
            ) from None
        return ModelBundle(
            path,
            content,
            model,
            custom_operators(model),
            _contract(model, path),
            packed_bytes,
            trust or packaged,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as its content: the same model wherever it is loaded, also without the file."""
        return _unpickled, (self.content, self.path, self.packed_bytes)

    def part(
        self, operators: Sequence[int], inputs: Sequence[int], outputs: Sequence[int]
    ) -> ModelBundle:
        """Some of its operators as a model, with their weights; trusted as this one is.

        Args:
            operators: Their places, rising.
            inputs: Tensors that the caller will fill.
            outputs: Tensors that the caller will read.

        Raises:
            FlatbufferError: The operators read tensors that nothing fills.
        """
        root = cut(self.root, operators, inputs, outputs)
        return ModelBundle(
            self.path,
            root.data,
            root,
            custom_operators(root),
            self.embedded_contract,
            trusted=self.trusted,
        )

    def in_its_form(self, content: bytes) -> bytes:
        """What to write to a file so that it holds ``content`` as this one holds its own.

        Args:
            content: A model file.

        Returns:
            A container if the model was read from one, otherwise ``content``.
        """
        return content if self.packed_bytes is None else packed.pack(content)

    @cached_property
    def graph(self) -> Graph:
        """Its main graph, read once."""
        return read_graph(self.root)

    def quantization(
        self, ports: Literal["inputs", "outputs"], place: int = 0
    ) -> Quantization | None:
        """How an input or output, by default the first, holds real numbers; None for floats.

        Raises:
            ModelError: It holds integers, and the file does not say what they stand for.
        """
        from facesdk.tflite import quantization  # needs NumPy, which reading a contract does not

        return quantization.port(self.root, ports, place)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of :attr:`content`, hex: a model has the same packed and unpacked."""
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def model_id(self) -> str:
        """What its embeddings go by: SHA-256 (hex) of the file as it was converted.

        A file that was given another contract, by ``facesdk calibrate`` or ``facesdk models edit``,
        holds the one before it whole and has its id: the network is the same, so embeddings of both
        compare.

        Raises:
            ContractError: The original is not in the file, or feeds the network in another way.
        """
        original = self.embedded_contract.original if self.embedded_contract else None
        if original is None:
            return self.sha256
        content = _original(self, original)
        return hashlib.sha256(content).hexdigest()

    @property
    def name(self) -> str:
        """The model's name, as its contract says; without one, that of the file."""
        return self.embedded_contract.name if self.embedded_contract else self.path.stem

    @property
    def contract(self) -> Contract:
        """The contract in the file.

        Raises:
            ContractError: The file carries none.
        """
        if self.embedded_contract is None:
            raise ContractError(
                f"{self.path} carries no facesdk contract: convert it with `facesdk convert`, "
                "or give its contract"
            )
        return self.embedded_contract


def _unpickled(content: bytes, path: Path, packed_bytes: int | None) -> ModelBundle:
    return replace(ModelBundle.from_bytes(content, path), packed_bytes=packed_bytes)


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise ModelError(f"{path} is a directory, but a .tflite model file is needed")
        if size > MAX_MODEL_BYTES:
            raise ModelError(f"{path} has {size} bytes; a model may have {MAX_MODEL_BYTES} at most")
        return read_regular(path)
    except FileNotFoundError:
        raise ModelError(f"model file {path} does not exist") from None
    except OSError as error:
        raise ModelError(f"cannot read model file {path}: {error.strerror}") from None


def contract_buffer(model: Table) -> Table | None:
    """The buffer of a verified model that holds its contract; None if it carries none."""
    buffers = list(model.tables("buffers"))
    for entry in model.tables("metadata"):
        if entry.bytes("name") == METADATA_NAME.encode():
            return buffers[entry.scalar("buffer")]
    return None


def contract_offset(bundle: ModelBundle) -> int:
    """Where a model file says where its contract is: a position of four bytes.

    Raises:
        ContractError: The model carries no contract.
    """
    buffer = contract_buffer(bundle.root)
    at = None if buffer is None else buffer.position_of("data")
    if at is None:
        raise ContractError(
            "the model carries no facesdk contract to change: convert it with `facesdk convert`"
        )
    return at


def appended_at(length: int) -> int:
    """Where another contract begins that is put at the end of a file of so many bytes."""
    return length + -(length + 4) % _ALIGNMENT


def _original(bundle: ModelBundle, original: Original) -> bytes:
    """The content of the file before it was given another contract."""
    at = contract_offset(bundle)
    content = bytearray(bundle.content[: original.bytes])
    (offset,) = struct.unpack_from("<I", bundle.content, at)
    first = None
    if at + offset == appended_at(original.bytes):
        with suppress(struct.error, ContractError):
            struct.pack_into("<I", content, at, original.offset)
            first = Contract.from_json(_vector(content, at + original.offset))
    if first is None:
        raise ContractError(
            f"{bundle.path} does not hold the file that its contract was changed in: convert the "
            "model again"
        )
    now = bundle.contract
    different = [name for name in EMBEDDING_FIELDS if getattr(first, name) != getattr(now, name)]
    if first.original is not None or different:
        raise ContractError(
            f"{bundle.path} was given a contract of another network"
            + (f" ({', '.join(different)} differ)" if different else "")
        )
    return bytes(content)


def _vector(content: bytearray, start: int) -> bytes:
    (count,) = struct.unpack_from("<I", content, start)
    return bytes(content[start + 4 : start + 4 + count])


def _contract(model: Table, path: Path) -> Contract | None:
    buffer = contract_buffer(model)
    try:
        return None if buffer is None else Contract.from_json(buffer.bytes("data"))
    except ContractError as error:
        raise ContractError(f"{path}: {error}") from None
