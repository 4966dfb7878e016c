"""A recognition model on the device, to ask it about many crops at once."""

from __future__ import annotations

import torch

from facesdk.models.contract import Contract
from facesdk.recognition.embedding import CropEmbedder
from facesdk.results import FloatArray
from facesdk_training.torch.device.teachers import Teacher


class DeviceEmbedder(CropEmbedder):
    """A float network in float32; its embeddings are those of the runtime but for rounding.

    Args:
        teacher: The network, in evaluation mode on the device.
        contract: How to feed it.
        model_id: SHA-256 (hex) of the model file.
        source: What error messages call it.
        device: Where it is.

    Raises:
        ContractError: The contract is not for recognition.
    """

    def __init__(
        self, teacher: Teacher, contract: Contract, model_id: str, source: str, device: torch.device
    ) -> None:
        super().__init__(contract, model_id, source)
        self._teacher, self._device = teacher, device

    @torch.no_grad()
    def forward(self, pixels: FloatArray) -> FloatArray:
        """See :meth:`facesdk.recognition.embedding.CropEmbedder.forward`."""
        given = torch.from_numpy(pixels).to(self._device).permute(0, 3, 1, 2)
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
            found: FloatArray = self._teacher.embedding(given).cpu().numpy()
        return found
