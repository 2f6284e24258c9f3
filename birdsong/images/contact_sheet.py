"""One picture for each taxon, side by side: what a network is asked to tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from birdsong.errors import DatasetError
from birdsong.images.store import ImageStore, IndexRow
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE


def write_contact_sheet(store: ImageStore, path: Path, *, n_columns: int = 3) -> None:
    """Draw a typical picture of each species, or of each genus where no species is known.

    Parameters
    ----------
    store : ImageStore
    path : Path
        The PNG to write.
    n_columns : int
        Pictures in a row; taxa come in alphabetical order, so that relatives stand together.

    Raises
    ------
    DatasetError
        If the store holds no picture of a bird.
    """
    from matplotlib.figure import Figure

    pictures_of: dict[str, list[IndexRow]] = {}
    for row in store.rows:
        if row.kind == "bird":
            taxon = f"{row.genus} {row.species}".strip()
            pictures_of.setdefault(taxon, []).append(row)
    if not pictures_of:
        raise DatasetError(f"{store.folder}: holds no picture of a bird to show")
    n_rows = -(-len(pictures_of) // n_columns)
    figure = Figure(figsize=(3.2 * n_columns, 1.3 * n_rows), layout="constrained")
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    height, width = SPECTROGRAM_SHAPE
    for axes, taxon in zip(grid.flat, sorted(pictures_of), strict=False):
        picture = store.read_picture(_typical(store, pictures_of[taxon]))
        axes.imshow(picture, cmap="magma", vmin=0, vmax=255, aspect=0.9 * width / height / 3)
        axes.set_title(taxon, fontsize=9, style="italic")
    figure.savefig(path, dpi=110)


def _typical(store: ImageStore, rows: list[IndexRow]) -> IndexRow:
    """Of a few pictures, the one of middling brightness: neither a scrap nor the loudest."""
    some = rows[:: max(1, len(rows) // 9)]
    brightness = [float(store.read_picture(row).mean()) for row in some]
    return some[int(np.argsort(brightness)[len(some) // 2])]
