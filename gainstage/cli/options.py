"""The options that commands share, and what their defaults mean."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_CONFIG = Path("gainstage.yaml")
DEFAULT_DATA = Path("gainstage-data")

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The configuration file. Default: gainstage.yaml here, if there is one.",
        show_default=False,
    ),
]
Data = Annotated[
    Path,
    typer.Option(
        "--data", metavar="DIR", help="The data folder. Default: gainstage-data here.", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else there.")]


def config_file(given: Path | None) -> Path | None:
    """The file to use: the one given, else the one that stands here, else none."""
    if given is not None:
        return given
    return DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None
