"""The contract of a finished run: what its model file will say, and what evaluation goes by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from facesdk.errors import InputError
from facesdk.models.contract import Contract, Probability, Threshold
from facesdk.models.templates import template_of
from facesdk_training.config.run import RunConfig
from facesdk_training.data.crops import INPUT
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import record as run_record


def contract_of(run: Path) -> Contract:
    """What a finished run says about its network.

    Args:
        run: The run folder.

    Returns:
        A contract of the task "recognition" with the thresholds that were calibrated on held-out
        people; ``source_sha256`` is that of ``weights.h5``.

    Raises:
        InputError: The run is not finished, or not of this version.
        ContractError: There is no alignment template of the network's input size.
    """
    record = run_folder.read_record(run / run_folder.CONFIG)
    calibration = run_folder.read_record(run / run_folder.CALIBRATION)
    digest = run_folder.weights_sha256(run)
    config = run_record.config_of(run)
    try:
        return _contract(record, calibration, config, digest)
    except (KeyError, TypeError) as error:
        raise InputError(f"{run} was not written by this version of facesdk: {error!r}") from None


def _contract(
    record: dict[str, Any], calibration: dict[str, Any], config: RunConfig, digest: str
) -> Contract:
    network = config.final_network
    size = (network.input_height, network.input_width)
    probability = calibration.get("probability")  # runs of before have none
    return Contract(
        name=f"{network.family}-{network.variant}".lower(),
        task="recognition",
        architecture=network.family,
        variant=network.variant,
        input=replace(INPUT, height=network.input_height, width=network.input_width),
        license=record["license"],
        source=_origin(record, config),
        source_sha256=digest,
        template=template_of(size),
        dim=network.embedding_length,
        thresholds=tuple(Threshold(**row) for row in calibration["thresholds"]),
        probability=Probability(**probability) if probability else None,
        thresholds_source=f"all pairs of {calibration['crops']} crops of "
        f"{calibration['identities']} identities kept out of training",
        training_data=record["training_data"],
    )


def _origin(record: dict[str, Any], config: RunConfig) -> str:
    """What trained the network: ``source`` in the record of a run that another program made."""
    if "source" in record:
        return str(record["source"])
    if config.objective != "distillation":
        return f"facesdk train run, {config.objective} over labelled identities"
    teacher = record["teacher"]["name"]
    return f"facesdk train distill, from {teacher} (sha256 {record['teacher_sha256']})"
