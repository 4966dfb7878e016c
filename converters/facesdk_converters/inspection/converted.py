"""What becomes of a conversion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facesdk.models.contract import Contract
from facesdk_converters.inspection.agreement import Agreement
from facesdk_converters.inspection.explanation import Explanation
from facesdk_converters.inspection.half import HalfWeights


@dataclass(frozen=True, slots=True)
class Converted:
    """A network that has become a model file.

    Attributes:
        path: Where it was written.
        bytes: Size of the model file.
        contract: The contract in it.
        agreement: How well it agrees with its source; None if that was not asked for. Of a file
            with float16 weights, what the file in float32 does.
        packed_bytes: Size of the container it was written into; None without one.
        half: What storing weights as float16 did; None if that was not asked for.
        explanation: What is in it; None if that was not asked for.
        description: What the target says about it, in lines; empty if nothing.
        advice: What the user may say of it that facesdk does not know; empty if nothing would help.
    """

    path: Path
    bytes: int
    contract: Contract
    agreement: Agreement | None
    packed_bytes: int | None = None
    half: HalfWeights | None = None
    explanation: Explanation | None = None
    description: str = ""
    advice: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Path, size, name, task, parity, and the explanation where there is one."""
        record = {
            "path": str(self.path),
            "bytes": self.bytes,
            "packed_bytes": self.packed_bytes,
            "name": self.contract.name,
            "task": self.contract.task,
            "target": self.contract.conversion.target if self.contract.conversion else None,
            "parity": self.agreement.to_dict() if self.agreement else None,
            "float16": self.half.to_dict() if self.half else None,
            "description": self.description.splitlines(),
        }
        if self.explanation is not None:
            record["explanation"] = self.explanation.to_dict()
        return record
