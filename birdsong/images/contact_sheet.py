"""Contact sheet: one typical image of each taxon, side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from birdsong.errors import DatasetError
from birdsong.images.store import ImageStore
from birdsong.images.tables import IndexRow


def write_contact_sheet(store: ImageStore, path: Path, *, n_columns: int = 3) -> None:
    """Draw a typical image of each species, or of each genus where no species is known.

    Parameters
    ----------
    store : ImageStore
    path : Path
        The PNG to write.
    n_columns : int
        Images in a row; taxa come in alphabetical order, so that relatives stand together.

    Raises
    ------
    DatasetError
        If the store holds no image of a bird.
    """
    from matplotlib.figure import Figure

    typical = typical_rows(store)
    if not typical:
        raise DatasetError(f"{store.folder}: holds no image of a bird to show")
    n_rows = -(-len(typical) // n_columns)
    figure = Figure(figsize=(3.2 * n_columns, 1.3 * n_rows), layout="constrained")
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    height, width = store.config.shape
    for axes, (taxon, row) in zip(grid.flat, typical.items(), strict=False):
        image = store.read_image(row)
        axes.imshow(image, cmap="magma", vmin=0, vmax=255, aspect=0.9 * width / height / 3)
        axes.set_title(taxon, fontsize=9, style="italic")
    figure.savefig(path, dpi=110)


def typical_rows(store: ImageStore) -> dict[str, IndexRow]:
    """Choose an image that is typical of each taxon, by the taxon's name in alphabetical order.

    Parameters
    ----------
    store : ImageStore

    Returns
    -------
    dict of str to IndexRow
        Species, or genera where no species is known, that have an image of a bird.

    Raises
    ------
    DatasetError
        If an image cannot be read.
    """
    images_of: dict[str, list[IndexRow]] = {}
    for row in store.rows:
        if row.kind == "bird":
            images_of.setdefault(row.taxon, []).append(row)
    return {taxon: _typical(store, rows) for taxon, rows in sorted(images_of.items())}


def _typical(store: ImageStore, rows: list[IndexRow]) -> IndexRow:
    """Return the image of median brightness among a few.

    Brightness is the 98th percentile of an image, which is song rather than background.
    """
    some = rows[:: max(1, len(rows) // 9)]
    brightness = [float(np.percentile(store.read_image(row), 98)) for row in some]
    return some[int(np.argsort(brightness)[len(some) // 2])]
