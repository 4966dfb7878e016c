"""``facesdk live``: who is in front of a camera, in a stream, a film or a folder of pictures."""

from __future__ import annotations

import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from facesdk.cli import options, output
from facesdk.detection.detector import LIVE_MIN_FACE
from facesdk.detection.registry import DEFAULT_DETECTOR
from facesdk.errors import InputError
from facesdk.gallery.gallery import DEFAULT_FPIR
from facesdk.live.capture import Pace
from facesdk.live.loop import Live, Settings
from facesdk.live.sources.opening import open_source
from facesdk.models import registry
from facesdk.models.contract import Contract
from facesdk.results import side_by_side

if TYPE_CHECKING:
    from facesdk.engine import FaceEngine
    from facesdk.gallery.gallery import Gallery
    from facesdk.live.events import Event
    from facesdk.live.mqtt import Publisher
    from facesdk.live.profiling import Profile
    from facesdk.live.showing import PictureFolder


def live(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Number of a camera, `picamera2`, an address (rtsp://, http://), a video file, or "
            "a folder of pictures.",
            show_default=False,
        ),
    ],
    real_time: Annotated[
        bool,
        typer.Option(
            "--real-time/--every-frame",
            help="Read a file as a camera would give it, dropping pictures that come too early, or "
            "look at every picture, however long it takes.",
        ),
    ] = False,
    repeat: Annotated[
        bool, typer.Option("--repeat", help="Begin again at the end of a file or folder.")
    ] = False,
    seconds: Annotated[
        Optional[float],
        typer.Option("--seconds", min=0.0, help="End after so many seconds of the source."),
    ] = None,
    size: Annotated[
        Optional[str],
        typer.Option("--size", metavar="WxH", help="Ask a camera for pictures of that size."),
    ] = None,
    fps: Annotated[
        Optional[float],
        typer.Option("--fps", help="Pictures per second of a folder; 25 unless it is given."),
    ] = None,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Go on trying if a camera or stream is not there yet."),
    ] = False,
    give_up: Annotated[
        Optional[float],
        typer.Option(
            "--give-up",
            min=0.0,
            metavar="SECONDS",
            help="End when a camera or stream gave no picture for so long; without it, never.",
        ),
    ] = None,
    share: Annotated[
        float,
        typer.Option(
            "--search-share",
            min=0.01,
            max=1.0,
            help="Share of the time for searches of the whole picture; between them, faces are "
            "followed.",
        ),
    ] = 0.5,
    every: Annotated[
        Optional[int],
        typer.Option(
            "--search-every", min=1, metavar="N", help="Search every N-th picture instead."
        ),
    ] = None,
    gallery: Annotated[
        Optional[Path],
        typer.Option(
            "--gallery",
            metavar="FILE",
            help="Say who of this gallery it is.",
            callback=options.refuse_address,
        ),
    ] = None,
    key: options.Key = None,
    approximate: options.ApproximateGallery = False,
    fpir: Annotated[
        float,
        typer.Option(
            "--fpir",
            min=1e-6,
            max=0.5,
            help="Rate of false names that each look into the gallery aims at.",
        ),
    ] = DEFAULT_FPIR,
    window: Annotated[
        bool, typer.Option("--window", help="Show the pictures in a window, with names.")
    ] = False,
    snapshots: Annotated[
        Optional[Path],
        typer.Option(
            "--snapshots",
            metavar="DIR",
            help="Keep the picture of each `seen` and `identified` in this folder; the newest "
            "1,000 stay.",
        ),
    ] = None,
    mqtt: Annotated[
        Optional[str],
        typer.Option(
            "--mqtt",
            metavar="URL",
            help="Send events to this broker, mqtt://USER:PASSWORD@HOST or mqtts://, with Home "
            "Assistant's discovery.",
        ),
    ] = None,
    mqtt_name: Annotated[
        Optional[str],
        typer.Option(
            "--mqtt-name",
            metavar="NAME",
            help="Name of this device in topics.",
            show_default="this computer's name",
        ),
    ] = None,
    mqtt_ca: Annotated[
        Optional[Path],
        typer.Option(
            "--mqtt-ca", metavar="FILE", help="Certificate that signs the broker's, for mqtts://."
        ),
    ] = None,
    model: options.Model = registry.DEFAULT_RECOGNIZER,
    contract: options.ContractFile = None,
    trust: options.Trust = False,
    detector: options.DetectorName = DEFAULT_DETECTOR,
    min_face: options.MinFace = LIVE_MIN_FACE,
    threads: options.Threads = 1,
    json: options.Json = False,
) -> None:
    """Follow the faces of a camera, a stream, a film or a folder, and say who comes and goes.

    Prints an event per line: `seen`, `identified` (with a gallery) and `left`, and `source` when a
    camera or stream is lost and when it is back. Ctrl-C ends it with a summary and status 0.

    Examples:

        facesdk live 0

        facesdk live 0 --gallery door.db

        facesdk live 0 --gallery door.db --mqtt mqtt://door:secret@homeassistant.local --wait

        facesdk live rtsp://user:password@camera/stream1 --json

        facesdk live visit.mp4 --json | jq 'select(.event == "seen")'

        facesdk live frames/ --fps 10 --search-every 1
    """
    from facesdk.engine import FaceEngine

    if key is not None and gallery is None:
        raise InputError("--key is that of a gallery: give --gallery too")
    if approximate and gallery is None:
        raise InputError("--approximate is about a gallery: give --gallery too")
    if mqtt is None and (mqtt_name is not None or mqtt_ca is not None):
        raise InputError("--mqtt-name and --mqtt-ca are about a broker: give --mqtt too")
    opened = open_source(source, size=_size(size), fps=fps, repeat=repeat)
    if real_time and opened.paced:
        raise InputError(f"{opened.name} has a pace of its own: --real-time is about files")
    engine = FaceEngine.load(
        model,
        contract=Contract.read(contract) if contract else None,
        detector=detector,
        min_face=min_face,
        threads=threads,
        trust=trust,
    )
    settings = Settings(
        pace=Pace.REAL_TIME if real_time else Pace.EVERY,
        patient=wait,
        give_up=give_up,
        seconds=seconds,
        share=share,
        every=every,
        threads=threads,
        fpir=fpir,
    )
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        publisher = _publisher(mqtt, mqtt_name, mqtt_ca, wait, stack) if mqtt else None
        people = (
            stack.enter_context(_gallery(gallery, engine, key, approximate)) if gallery else None
        )
        loop = Live(opened, engine, people, settings)
        stack.enter_context(_stopping(loop))
        folder = _folder(snapshots) if snapshots else None

        def take(event: Event) -> None:
            counts[event.name] += 1
            output.emit(event.to_dict(), json=json, text=_line(event))
            if publisher:
                publisher.publish(event)
            shot = loop.snapshot()
            if folder and shot:
                folder.keep(event, shot)

        if window:
            _in_a_window(loop, opened.name, take)
        else:
            for event in loop.run():
                take(event)
    profile = loop.profile()
    record = {"event": "summary", "counts": dict(counts), **profile.to_dict()}
    output.emit(record, json=json, text=_summary(profile, counts))


def _gallery(path: Path, engine: FaceEngine, key: str | None, approximate: bool) -> Gallery:
    from facesdk.gallery.sqlite import SqliteGallery

    with output.progress_bar(path.name) as advance:
        return SqliteGallery.open(
            path, embedder=engine.embedder, key=key, approximate=approximate, progress=advance
        )


def _folder(path: Path) -> PictureFolder:
    from facesdk.live.showing import PictureFolder

    return PictureFolder(path)


def _in_a_window(loop: Live, title: str, take: Callable[[Event], None]) -> None:
    """Run the loop in a thread of its own, since a window wants this one."""
    from facesdk.live.showing import Window

    window = Window(loop, title)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            for event in loop.run():
                take(event)
        except BaseException as error:  # raised in the main thread
            failed.append(error)
            loop.stop()

    runner = threading.Thread(target=run, name="facesdk-loop", daemon=True)
    runner.start()
    try:
        window.run(lambda: not runner.is_alive())
    finally:
        loop.stop()
        runner.join()
        window.close()
    if failed:
        raise failed[0]


def _publisher(
    url: str, name: str | None, authority: Path | None, patient: bool, stack: ExitStack
) -> Publisher:
    """A publisher that is connected, and hangs up at the end."""
    import socket

    from facesdk.live.mqtt import Broker, Publisher

    broker = Broker.parse(url, authority)
    publisher = Publisher(
        broker, name or socket.gethostname(), patient=patient, notice=output.emit_error
    )
    publisher.start()
    stack.callback(publisher.close)
    return publisher


@contextmanager
def _stopping(loop: Live) -> Iterator[None]:
    """Let the first Ctrl-C, or SIGTERM, end the loop after its picture, and the second at once."""

    def stop(number: int, _: Any) -> None:
        signal.signal(number, before[signal.Signals(number)])
        loop.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _line(event: Event) -> str:
    record = event.to_dict()
    time = f"{record['time']:10.3f} s  {record['event']:<10}"
    if record["event"] == "source":
        return f"{time} {record['state']} {record['message']}".rstrip()
    who = f"{time} {record['track']:4}"
    if "person" in record:
        person = record["person"]
        who += f"  {person['name']}" if person else "  unknown"
    if record["event"] == "left":
        return f"{who}  after {record['seconds']:.1f} s, found in {record['pictures']} pictures"
    left, top, right, bottom = (round(side) for side in record["box"])
    where = f"{right - left}x{bottom - top} pixels at {left},{top}"
    if record["event"] == "identified":
        shown = f"nobody enrolled, threshold {record['threshold']:.4f}"
        if record["similarity"] is not None:
            pair = side_by_side(record["similarity"], record["threshold"])
            shown = "similarity {}, threshold {}".format(*pair)
        where = f"{shown}, {where}"
    return f"{who}  {where}"


def _summary(profile: Profile, counts: Counter[str]) -> str:
    lines = [
        f"{profile.frames} pictures, {profile.fps:.1f} per second at the end, "
        f"{profile.dropped} dropped, {profile.unreadable} unreadable; {counts['seen']} visits"
    ]
    lines += [
        f"  {name:<9} median {row.median:7.2f} ms, 90 % within "
        f"{row.maximum if row.p90 is None else row.p90:7.2f} ms"
        for name, row in profile.stages.items()
    ]
    return "\n".join(lines)


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if not found:
        raise InputError(f"--size must be WIDTHxHEIGHT, for example 640x480, but got {text}")
    return int(found[1]), int(found[2])
