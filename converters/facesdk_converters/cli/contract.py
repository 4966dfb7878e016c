"""``facesdk models set-contract``: a contract into a model file that has none, or another one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from facesdk.cli import options, output
from facesdk.errors import require_extra
from facesdk.files import write_atomic
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import EMBEDDING_FIELDS, Contract
from facesdk.models.contract_writer import replace_contract

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command("set-contract")
def set_contract(
    model: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A .tflite or .tflite.pack file.", show_default=False),
    ],
    contract: Annotated[
        Path,
        typer.Argument(
            metavar="CONTRACT",
            help="JSON file, as `facesdk models show --json | jq .contract` prints one.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Optional[Path],
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write here.", show_default="FILE itself"
        ),
    ] = None,
    trust: options.Trust = False,
    json: options.Json = False,
) -> None:
    """Give a model file the contract of a JSON file (needs the extra `convert`).

    The graph and the weights stay. A recogniser is loaded with the contract before anything is
    written, so that one that does not fit the network is refused. Embeddings made before still
    compare if the contract feeds the network as the file's own one did.

    Examples:

        facesdk models set-contract MobileFaceNet.tflite mobilefacenet.contract.json

        facesdk models set-contract mine.tflite contract.json -o mine-with-contract.tflite
    """
    require_extra("flatbuffers", extra="convert")
    from facesdk.recognition.embedding import Embedder
    from facesdk_converters.tflite.tree import write_contract

    bundle = ModelBundle.load(model, trust=trust)
    wanted = Contract.read(contract)
    if wanted.task == "recognition":
        Embedder(bundle, wanted)
    own = bundle.embedded_contract
    keeps = own is not None and all(
        getattr(own, name) == getattr(wanted, name) for name in EMBEDDING_FIELDS
    )
    content = replace_contract(bundle, wanted) if keeps else write_contract(bundle, wanted)
    target = out or model
    write_atomic(target, bundle.in_its_form(content))
    written = ModelBundle.from_bytes(content, target)
    output.emit(
        {"path": str(target), "model_id": written.model_id, "contract": written.contract.to_dict()},
        json=json,
        text=f"{target}: {written.name}, its embeddings go by {written.model_id[:16]}",
    )
