"""The command line of a tool that prints a page of the docs."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def run(description: str | None, page: Callable[[], str]) -> None:
    """Print a page, or what the tool is for.

    Args:
        description: What ``--help`` says.
        page: Makes the page.
    """
    argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    print(page(), end="")
