"""``facesdk serve``."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Optional

import typer

from facesdk.cli import options, output
from facesdk.detection.detector import LIVE_MIN_FACE
from facesdk.detection.registry import DEFAULT_DETECTOR
from facesdk.errors import InputError, require_extra
from facesdk.models.contract import Contract
from facesdk.models.registry import DEFAULT_RECOGNIZER

_EVERYWHERE = ("0.0.0.0", "::", "")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_MODULES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")


def serve(
    gallery: Annotated[
        Optional[Path],
        typer.Option(
            "--gallery",
            metavar="FILE",
            help="Who is enrolled; the file is made where there is none.",
            show_default=False,
            callback=options.refuse_address,
        ),
    ] = None,
    key: options.Key = None,
    approximate: options.ApproximateGallery = False,
    source: Annotated[
        Optional[str],
        typer.Option(
            "--source",
            metavar="SOURCE",
            help="The service's own camera, as `facesdk live` takes it: a number, picamera2, an "
            "address, a video file or a folder.",
            show_default=False,
        ),
    ] = None,
    repeat: Annotated[
        bool, typer.Option("--repeat", help="Begin a file or a folder again at its end.")
    ] = False,
    host: Annotated[
        str,
        typer.Option("--host", help="Address to listen at; 0.0.0.0 for everybody in your network."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes one that is free.")
    ] = 8420,
    tls: Annotated[
        bool,
        typer.Option(
            "--tls",
            help="HTTPS, with a certificate that is made once. Browsers on other devices give the "
            "page their camera only so.",
        ),
    ] = False,
    tls_folder: Annotated[
        Optional[Path],
        typer.Option(
            "--tls-folder",
            metavar="DIR",
            help="Where cert.pem and key.pem are, or are made.",
            show_default=False,
        ),
    ] = None,
    token_file: Annotated[
        Optional[Path],
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="Where the token's hash is, or is made.",
            show_default=False,
        ),
    ] = None,
    new_token: Annotated[
        bool, typer.Option("--new-token", help="Make a new token; the old one is refused.")
    ] = False,
    no_token: Annotated[
        bool,
        typer.Option("--no-token", help="Let in every program of this computer (loopback only)."),
    ] = False,
    model: options.Model = DEFAULT_RECOGNIZER,
    contract: options.ContractFile = None,
    trust: options.Trust = False,
    detector: options.DetectorName = DEFAULT_DETECTOR,
    min_face: options.MinFace = LIVE_MIN_FACE,
    side: Annotated[
        int,
        typer.Option(
            "--side",
            min=64,
            help="Reduce larger photos to this longer side; --min-face is in its pixels.",
        ),
    ] = 640,
    max_faces: Annotated[
        int,
        typer.Option(
            "--max-faces", min=1, help="Find at most that many faces per photo, the largest."
        ),
    ] = 16,
    workers: Annotated[
        Optional[int],
        typer.Option(
            "--workers",
            min=1,
            max=64,
            help="Photos that are worked on at a time; 2 by default, 1 where there is one core.",
            show_default=False,
        ),
    ] = None,
    processes: Annotated[
        bool,
        typer.Option(
            "--processes",
            help="Each worker is a process rather than a thread: more requests per second where "
            "there are several cores, for more memory.",
        ),
    ] = False,
    waiting: Annotated[
        int,
        typer.Option(
            "--waiting",
            min=0,
            help="Requests that may wait for a worker; others are refused (429).",
        ),
    ] = 16,
    max_mb: Annotated[
        float,
        typer.Option("--max-mb", min=0.001, max=1000, help="Largest request, in megabytes."),
    ] = 16,
    max_megapixels: Annotated[
        float,
        typer.Option("--max-megapixels", min=0.001, max=1000, help="Largest photo, in megapixels."),
    ] = 26,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", min=0.1, help="Seconds that a request may wait and be worked on."
        ),
    ] = 20,
    arrival: Annotated[
        float,
        typer.Option(
            "--arrival", min=0.1, help="Seconds that a request's head, and its body, may take."
        ),
    ] = 15,
    threads: options.Threads = 1,
    json: options.Json = False,
) -> None:
    """Serve faces over HTTP: an interface for programs, and a page for people.

    It runs until it is interrupted (Ctrl-C, SIGTERM), and ends with status 0. The first start
    prints a token, which is stored as a hash only; the page and every program need it. Photos are
    kept in memory while they are worked on, and nowhere else.

    Examples:

        facesdk serve

        facesdk serve --gallery door.db --source 0

        facesdk serve --gallery door.db --host 0.0.0.0 --tls

        curl -H "Authorization: Bearer TOKEN" -F photo=@team.jpg http://127.0.0.1:8420/v1/detect
    """
    for name in _MODULES:
        require_extra(name, extra="serve")
    if no_token and (host not in _LOOPBACK or new_token or token_file):
        raise InputError(
            "--no-token is for this computer alone: leave out --host, --new-token and --token-file"
        )
    if repeat and source is None:
        raise InputError("--repeat is about a file or a folder: give --source too")
    if key is not None and gallery is None:
        raise InputError("--key is that of a gallery: give --gallery too")
    if approximate and gallery is None:
        raise InputError("--approximate is about a gallery: give --gallery too")

    from facesdk.engine import FaceEngine
    from facesdk.gallery.sqlite import SqliteGallery
    from facesdk.live.capture import Pace
    from facesdk.live.loop import Live, Settings
    from facesdk.live.sources.opening import open_source
    from facesdk.serve.access.certificates import open_certificate
    from facesdk.serve.access.tokens import open_token
    from facesdk.serve.app import create_app
    from facesdk.serve.engines import Engines
    from facesdk.serve.server import give_memory_back, listen, run
    from facesdk.serve.service import Service
    from facesdk.serve.watching import Watcher
    from facesdk.serve.work.limits import Limits

    limits = Limits(
        body_bytes=round(max_mb * 1e6),
        pixels=round(max_megapixels * 1e6),
        side=side,
        faces=max_faces,
        workers=workers or min(2, len(os.sched_getaffinity(0))),
        waiting=waiting,
        work_s=timeout,
        arrival_s=arrival,
    )
    give_memory_back()
    with ExitStack() as closing:
        listening = closing.enter_context(listen(host, port))
        engine = FaceEngine.load(
            model,
            contract=Contract.read(contract) if contract else None,
            detector=detector,
            min_face=min_face,
            max_faces=max_faces,
            threads=threads,
            workers=(1 if processes else limits.workers) + (source is not None),
            trust=trust,
        )
        people = None
        if gallery is not None:
            with output.progress_bar(gallery.name) as advance:
                opened_gallery = SqliteGallery.open(
                    gallery,
                    embedder=engine.embedder,
                    key=key,
                    create=True,
                    approximate=approximate,
                    progress=advance,
                )
            people = closing.enter_context(opened_gallery)
        watcher = None
        if source is not None:
            opened = open_source(source, repeat=repeat)
            settings = Settings(pace=Pace.REAL_TIME, patient=True, threads=threads)
            watcher = Watcher(Live(opened, engine, people, settings), opened.name)
            closing.callback(watcher.close)
        certificate = open_certificate(tls_folder or _config("tls"), host) if tls else None
        token = made = None
        if not no_token:
            token, made = open_token(token_file or _config("serve-token.json"), renew=new_token)
        engines = Engines(engine, limits, processes=processes)
        closing.callback(engines.close)
        record = {
            "url": _address(host, listening.getsockname()[1], tls=tls),
            "token": made,
            "fingerprint": certificate.fingerprint if certificate else None,
        }
        if watcher is not None:
            watcher.start()
        run(
            create_app(Service(engines, token, people, watcher)),
            listening,
            certificate,
            arrival_s=limits.arrival_s,
            ready=lambda: output.emit(record, json=json, text=_told(record)),
            stopping=watcher.stop if watcher else _nothing,
        )


def _nothing() -> None: ...


def _config(name: str) -> Path:
    import platformdirs

    return platformdirs.user_config_path("facesdk") / name


def _address(host: str, port: int, *, tls: bool) -> str:
    if host in _EVERYWHERE:
        host = socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{shown}:{port}/"


def _told(record: dict[str, str | None]) -> str:
    lines = [f"serving at {record['url']} until Ctrl-C"]
    if record["token"] is not None:
        lines += [
            f"  token        {record['token']}",
            f"  open         {record['url']}#token={record['token']}",
            "  The token is shown once; only its hash is kept. --new-token makes another.",
        ]
    if record["fingerprint"] is not None:
        lines.append(f"  certificate  SHA-256 {record['fingerprint']}")
    return "\n".join(lines)
