"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from facesdk.files import is_address


def refuse_address(path: Optional[Path]) -> Optional[Path]:
    """What a verb gets that works on a gallery in a file; an address may have a password in it.

    Raises:
        BadParameter: It is an address.
    """
    if path is not None and is_address(path):
        raise typer.BadParameter(
            "this verb works on a gallery in a file, but got an address: enrol, identify, people "
            "and forget take that of a server"
        )
    return path


Photos = Annotated[
    list[Path],
    typer.Argument(metavar="IMG", help="Photos, and folders of them.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", help="Name every file of the folder or zip that is left out.")
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        help="fast (compactfacenet-qb), accurate (mobilefacenet-w7a8), or a .tflite or "
        ".tflite.pack file.",
    ),
]
ContractFile = Annotated[
    Optional[Path],
    typer.Option("--contract", help="JSON contract of a model file that carries none."),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust", help="Run a model file of your own without trying it in another process first."
    ),
]
TrustCode = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Run a model of your own as it is: a Keras model with the code inside it (Lambda "
        "layers, for example), a .tflite file without trying it in another process first.",
    ),
]
Custom = Annotated[
    Optional[list[str]],
    typer.Option(
        "--custom",
        metavar="MODULE:NAME",
        help="A custom object of a Keras model. Its module is imported: its code runs. Repeatable.",
    ),
]
DetectorName = Annotated[
    str,
    typer.Option(
        "--detector",
        metavar="NAME",
        help="What finds the faces: `finder`; `mtcnn`, which is slower; `blaze`; `yunet`, once you "
        "have converted it; or the .tflite file of a finder.",
    ),
]
MinFace = Annotated[
    int, typer.Option("--min-face", min=12, help="Side of the smallest face to find, in pixels.")
]
MaxFaces = Annotated[
    Optional[int],
    typer.Option("--max-faces", min=1, help="Find at most that many faces per photo, the largest."),
]
MinScore = Annotated[
    float,
    typer.Option(
        "--min-score", min=0, max=1, help="Leave out finds of a lower score: fewer false faces."
    ),
]
Threads = Annotated[int, typer.Option("--threads", min=1, help="Threads for each network.")]
FaceNumbers = Annotated[
    Optional[list[int]],
    typer.Option(
        "--face",
        min=0,
        help="Number of the face to use, by size from 0; the default is the largest that is "
        "trusted. Given once for several photos, it picks in those that show several faces.",
    ),
]
GalleryFile = Annotated[
    Path,
    typer.Option(
        "--gallery",
        metavar="FILE",
        help="The gallery.",
        show_default=False,
        callback=refuse_address,
    ),
]
GalleryPlace = Annotated[
    str,
    typer.Option(
        "--gallery",
        metavar="FILE",
        help="The gallery: a file, or postgresql://USER@HOST/DATABASE.",
        show_default=False,
    ),
]
ApproximateGallery = Annotated[
    bool,
    typer.Option(
        "--approximate",
        help="Search a gallery of 50,000 templates or more by an index (extra `index`) that is "
        "built in memory when it is opened: faster, but it may miss somebody.",
    ),
]
Key = Annotated[
    Optional[str],
    typer.Option(
        "--key",
        metavar="WHERE",
        help="Where the gallery's key is: a key file, `keyring`, or `env:NAME`.",
        show_default="$FACESDK_GALLERY_KEY, else this user's key file",
    ),
]
