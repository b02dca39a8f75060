"""What the pictures of the docs have in common: the same program draws the same bytes each time."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.figure import Figure

DOCS: Final = Path(__file__).parent.parent / "docs"


def reproducible(font_size: float) -> None:
    """Set matplotlib to draw the same bytes each time, in a font of `font_size` points."""
    mpl.rcParams.update(
        {
            "svg.hashsalt": "driftd",
            "font.family": "DejaVu Sans",
            "svg.fonttype": "path",
            "font.size": font_size,
        }
    )


def save(figure: Figure, file: Path) -> None:
    """Write `figure` to `file`, an SVG without a date."""
    figure.savefig(file, format="svg", metadata={"Date": None})


def save_all(folder: Path, drawn: Mapping[str, Figure]) -> list[Path]:
    """Write figures by the names of their files; the files."""
    for name, figure in drawn.items():
        save(figure, folder / name)
    return [folder / name for name in drawn]


def folder_of(argv: Sequence[str] | None, about: str | None) -> Path:
    """The folder to draw into that the command line `argv` names; `about` is the program's docstring."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=DOCS, help="the folder to draw into")
    folder: Path = parser.parse_args(argv).out
    return folder
