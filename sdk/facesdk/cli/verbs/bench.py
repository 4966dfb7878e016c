"""``facesdk bench``: how fast models and the pipeline are on this computer."""

from __future__ import annotations

import json as json_module
import os
import re
import shutil
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
import typer.core

from facesdk.cli import options, output
from facesdk.detection.detector import DEFAULT_MIN_FACE, LIVE_MIN_FACE
from facesdk.detection.registry import DEFAULT_DETECTOR
from facesdk.errors import EXIT_DOUBTFUL, InputError
from facesdk.files import write_atomic
from facesdk.models import registry
from facesdk.models.contract import Contract

if TYPE_CHECKING:
    from facesdk.bench.pipeline import Case
    from facesdk.bench.report.baseline import Comparison
    from facesdk.bench.report.report import Report

_LEAST_WIDTH = 80


class BenchGroup(typer.core.TyperGroup):
    """``facesdk bench MODEL...`` is ``facesdk bench model MODEL...``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Insert the verb where the first argument is none."""
        if args and args[0] not in (*self.commands, "--help"):
            args = ["model", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=BenchGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Measure latency: models, their operators, the whole pipeline, live recognition.",
    epilog="`facesdk bench MODEL...` is short for `facesdk bench model MODEL...`, whose --help has "
    "the options. Exit status: 0 measured, 2 usage or bad input, 4 slower than the --baseline, or "
    "flagged and --strict is given.",
)


class Format(str, Enum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    TRACE = "chrome-trace"
    HTML = "html"


Runs = Annotated[int, typer.Option("--runs", min=1, help="Timed runs.")]
WarmUp = Annotated[
    int, typer.Option("--warm-up", min=0, help="Runs before them; they take 0.3 s at least.")
]
ReportFormat = Annotated[
    Optional[Format],
    typer.Option("--format", help="How to write the report.", show_default=Format.TABLE.value),
]
Output = Annotated[
    Optional[Path],
    typer.Option("--output", "-o", metavar="FILE", help="Write there instead of to stdout."),
]
Baseline = Annotated[
    Optional[Path],
    typer.Option(
        "--baseline",
        metavar="FILE",
        help="Compare with this earlier --json report; status 4 if slower beyond noise.",
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="End with status 4 if the report has any flag.")
]


@app.command("model")
def model(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL...", help="Packaged models, .tflite files or finished runs."),
    ],
    runs: Runs = 100,
    warm_up: WarmUp = 10,
    threads: options.Threads = 1,
    sweep: Annotated[
        Optional[list[int]],
        typer.Option("--sweep", min=1, help="Also with that many threads; may be repeated."),
    ] = None,
    cold_starts: Annotated[
        int, typer.Option("--cold-starts", min=0, help="Fresh processes to measure for each model.")
    ] = 3,
    operators: Annotated[
        bool, typer.Option("--operators/--no-operators", help="Measure the operators as well.")
    ] = True,
    every: Annotated[
        bool, typer.Option("--all", help="List every operator in the table, not only kinds.")
    ] = False,
    roofline: Annotated[
        bool, typer.Option("--roofline", help="Also measure what this computer can do at most.")
    ] = False,
    trust: options.Trust = False,
    format: ReportFormat = None,
    json: options.Json = False,
    out: Output = None,
    baseline: Baseline = None,
    strict: Strict = False,
) -> None:
    """Measure one model in full, or compare several, which take turns.

    An HTML report also has a sweep over threads and the roofs of this computer.

    Examples:

        facesdk bench compactfacenet-qb

        facesdk bench mine.tflite compactfacenet-qb --runs 300 --sweep 1 --sweep 2

        facesdk bench compactfacenet-qb --json -o today.json

        facesdk bench compactfacenet-qb --baseline today.json --strict

        facesdk bench compactfacenet-qb --format html -o report.html
    """
    from facesdk.bench.model import Parts, bench_models
    from facesdk.measure.timing import Policy
    from facesdk.models.run_files import model_files

    wanted = _Wanted.check(format, json, out, baseline, strict)
    pictures = wanted.format is Format.HTML
    counts = tuple(sweep or (_thread_counts() if pictures else ()))
    with (
        model_files(models, output.emit_error) as paths,
        output.progress_bar("bench") as advance,
    ):
        report = bench_models(
            paths,
            Policy(runs, warm_up),
            threads=threads,
            parts=Parts(cold_starts, operators, counts, peaks=roofline or pictures),
            trust=trust,
            progress=advance,
        )
    wanted.deliver(report, long=every)


@app.command("pipeline")
def pipeline(
    image: Annotated[
        Optional[list[Path]],
        typer.Option("--image", metavar="F", help="A photo; may be repeated."),
    ] = None,
    camera: Annotated[
        Optional[int], typer.Option("--camera", min=0, metavar="N", help="A camera, by its number.")
    ] = None,
    synthetic: Annotated[
        Optional[list[str]],
        typer.Option(
            "--synthetic", metavar="WxH", help="A collage of the packaged portraits; repeatable."
        ),
    ] = None,
    faces: Annotated[
        Optional[list[int]],
        typer.Option("--faces", min=0, help="Portraits in each collage; repeatable. Default: 1."),
    ] = None,
    runs: Runs = 50,
    warm_up: WarmUp = 5,
    model: options.Model = registry.DEFAULT_RECOGNIZER,
    contract: options.ContractFile = None,
    trust: options.Trust = False,
    detector: options.DetectorName = DEFAULT_DETECTOR,
    min_face: options.MinFace = DEFAULT_MIN_FACE,
    max_faces: options.MaxFaces = None,
    threads: options.Threads = 1,
    format: ReportFormat = None,
    json: options.Json = False,
    out: Output = None,
    baseline: Baseline = None,
    strict: Strict = False,
) -> None:
    """Measure detection, alignment, embedding and matching, each and together.

    Without a source: a collage of 640x480 pixels. Photos are decoded beforehand; a camera's picture
    is a stage of its own.

    Examples:

        facesdk bench pipeline

        facesdk bench pipeline --image team.jpg --min-face 40

        facesdk bench pipeline --synthetic 640x480 --synthetic 1280x720 --faces 1 --faces 4

        facesdk bench pipeline --camera 0 --runs 200 --format html -o camera.html
    """
    from facesdk.bench.pipeline import bench_pipeline, camera_case, photo_case, synthetic_case
    from facesdk.engine import FaceEngine
    from facesdk.measure.timing import Policy

    wanted = _Wanted.check(format, json, out, baseline, strict)
    if faces and not synthetic and (image or camera is not None):
        raise InputError("--faces needs --synthetic: the faces of a photo are those that are found")
    sizes = [_size(text) for text in synthetic or ()]
    if not sizes and not image and camera is None:
        sizes = [(640, 480)]
    engine = FaceEngine.load(
        model,
        contract=Contract.read(contract) if contract else None,
        detector=detector,
        min_face=min_face,
        max_faces=max_faces,
        threads=threads,
        trust=trust,
    )
    with ExitStack() as stack:
        cases: list[Case] = [photo_case(path) for path in image or ()]
        cases += [
            synthetic_case(width, height, count, engine)
            for width, height in sizes
            for count in faces or [1]
        ]
        if camera is not None:
            cases.append(stack.enter_context(camera_case(camera)))
        advance = stack.enter_context(output.progress_bar("bench"))
        report = bench_pipeline(
            engine,
            cases,
            Policy(runs, warm_up),
            min_face=min_face,
            threads=threads,
            progress=advance,
        )
    wanted.deliver(report)


@app.command("live")
def live(
    source: Annotated[
        Optional[str],
        typer.Argument(
            metavar="[SOURCE]",
            help="As of `facesdk live`. Without it, films are made of the packaged portraits.",
            show_default=False,
        ),
    ] = None,
    faces: Annotated[
        Optional[list[int]],
        typer.Option("--faces", min=0, help="People in each film; repeatable. Default: 1 and 3."),
    ] = None,
    synthetic: Annotated[
        str, typer.Option("--synthetic", metavar="WxH", help="Size of the films' pictures.")
    ] = "640x480",
    runs: Annotated[int, typer.Option("--runs", min=1, max=600, help="Timed pictures.")] = 250,
    warm_up: Annotated[
        int, typer.Option("--warm-up", min=0, help="Pictures before them, looked at likewise.")
    ] = 50,
    gallery: Annotated[
        Optional[Path],
        typer.Option(
            "--gallery",
            metavar="FILE",
            help="Identify people in this gallery.",
            callback=options.refuse_address,
        ),
    ] = None,
    key: options.Key = None,
    templates: Annotated[
        int,
        typer.Option(
            "--templates",
            min=0,
            max=1_000_000,
            help="Without --gallery: random templates in a gallery that is made for it.",
        ),
    ] = 1000,
    model: options.Model = registry.DEFAULT_RECOGNIZER,
    contract: options.ContractFile = None,
    trust: options.Trust = False,
    detector: options.DetectorName = DEFAULT_DETECTOR,
    min_face: options.MinFace = LIVE_MIN_FACE,
    threads: options.Threads = 1,
    format: ReportFormat = None,
    json: options.Json = False,
    out: Output = None,
    baseline: Baseline = None,
    strict: Strict = False,
) -> None:
    """Measure live recognition: pictures per second, and each stage.

    Files are read as fast as this computer can; a camera gives its own rate at most.

    Examples:

        facesdk bench live

        facesdk bench live 0 --gallery door.db --runs 500 --format html -o camera.html

        facesdk bench live --faces 1 --faces 2 --faces 3 --json -o today.json
    """
    import tempfile

    from facesdk.bench.film import write_people
    from facesdk.bench.live import Film, bench_live, strangers
    from facesdk.engine import FaceEngine
    from facesdk.gallery.sqlite import SqliteGallery
    from facesdk.live.loop import Settings
    from facesdk.live.sources.opening import open_source
    from facesdk.measure.timing import Policy

    wanted = _Wanted.check(format, json, out, baseline, strict)
    if source is not None and faces:
        raise InputError("--faces goes without SOURCE only: its people are those who are found")
    width, height = _size(synthetic)
    engine = FaceEngine.load(
        model,
        contract=Contract.read(contract) if contract else None,
        detector=detector,
        min_face=min_face,
        threads=threads,
        trust=trust,
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        films = [Film(source, open_source(source))] if source is not None else []
        for count in (faces or [1, 3]) if source is None else ():
            path = folder / f"{count}.mp4"
            write_people(path, count, max(runs, warm_up), engine, width=width, height=height)
            plural = "face" if count == 1 else "faces"
            films.append(Film(f"film {width}x{height}, {count} {plural}", open_source(str(path))))
        people = stack.enter_context(
            strangers(folder, engine, templates)
            if gallery is None
            else SqliteGallery.open(gallery, embedder=engine.embedder, key=key)
        )
        advance = stack.enter_context(output.progress_bar("bench"))
        report = bench_live(
            engine,
            films,
            Policy(runs, warm_up, 0.0),
            gallery=people,
            settings=Settings(threads=threads),
            min_face=min_face,
            progress=advance,
        )
    wanted.deliver(report)


@app.command("ops")
def ops(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Packaged model, .tflite file or finished run.")
    ],
    runs: Runs = 100,
    warm_up: WarmUp = 10,
    threads: options.Threads = 1,
    trust: options.Trust = False,
    format: ReportFormat = None,
    json: options.Json = False,
    out: Output = None,
    baseline: Baseline = None,
    strict: Strict = False,
) -> None:
    """Measure each different operator of a model, alone, in turn.

    Examples:

        facesdk bench ops compactfacenet-qb

        FACESDK_OPS_ISA=portable facesdk bench ops compactfacenet-qb --format csv -o portable.csv
    """
    from facesdk.bench.ops import bench_ops
    from facesdk.measure.timing import Policy
    from facesdk.models.run_files import model_files

    wanted = _Wanted.check(format, json, out, baseline, strict)
    with (
        model_files([model], output.emit_error) as (path,),
        output.progress_bar("bench") as advance,
    ):
        report = bench_ops(
            path,
            Policy(runs, warm_up),
            threads=threads,
            trust=trust,
            progress=advance,
        )
    wanted.deliver(report)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be done with a report."""

    format: Format
    out: Path | None
    baseline: dict[str, Any] | None
    strict: bool

    @staticmethod
    def check(
        format: Format | None, json: bool, out: Path | None, baseline: Path | None, strict: bool
    ) -> _Wanted:
        """Refuse what cannot be done before minutes of measuring.

        Raises:
            InputError: The output's folder is not there, the baseline is not usable, or two formats
                are asked for.
        """
        from facesdk.bench.report.baseline import read_baseline

        if json and format is not None and format is not Format.JSON:
            raise InputError(f"--json and --format {format.value} contradict each other: give one")
        if out is not None and not os.access(out.absolute().parent, os.W_OK):
            raise InputError(f"cannot write {out}: its folder is missing or not writable")
        if out is not None and out.is_dir():
            raise InputError(f"cannot write {out}: it is a folder")
        record = read_baseline(baseline) if baseline else None
        return _Wanted(Format.JSON if json else format or Format.TABLE, out, record, strict)

    def deliver(self, report: Report, *, long: bool = False) -> None:
        """Write a report, its long tables as well if wanted, and end as it deserves."""
        from facesdk.bench.report.baseline import compare

        comparison = compare(report.to_dict(), self.baseline) if self.baseline else None
        text = _text(report, comparison, self.format, self.out, long)
        if self.out is None:
            typer.echo(text, nl=False)
        else:
            write_atomic(self.out, text.encode(errors="replace"))
        slower = comparison is not None and comparison.regressed
        if slower or (self.strict and (report.flags or (comparison and comparison.differences))):
            raise typer.Exit(EXIT_DOUBTFUL)


def _text(
    report: Report,
    comparison: Comparison | None,
    format: Format,
    out: Path | None,
    long: bool,
) -> str:
    from facesdk.bench.report import page, spreadsheet, table, trace

    if format is Format.JSON:
        record = report.to_dict()
        record["baseline"] = comparison.to_dict() if comparison else None
        return json_module.dumps(record) + "\n"
    if format is Format.CSV:
        return spreadsheet.to_csv(report)
    if format is Format.TRACE:
        return trace.to_trace(report) + "\n"
    if format is Format.HTML:
        return page.to_html(report, comparison)
    if out is None and sys.stdout.isatty():
        columns = max(shutil.get_terminal_size().columns, _LEAST_WIDTH)
        return table.to_text(report, comparison, width=columns, colour=True, long=long)
    return table.to_text(report, comparison, long=long)


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if not found:
        raise InputError(f"--synthetic must be WIDTHxHEIGHT, for example 640x480, but got {text}")
    return int(found[1]), int(found[2])


def _thread_counts() -> list[int]:
    """1, 2, 4 and so on, and as many as this process may use."""
    from facesdk.runtime.cpu import describe_cpu

    cores = describe_cpu().threads
    return sorted(
        {1, cores, *(1 << power for power in range(cores.bit_length()) if 1 << power < cores)}
    )
