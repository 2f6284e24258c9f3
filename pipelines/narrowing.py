"""``--only LIST``: answers narrowed to the taxa of a list, for the stages that have it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from birdsong.bundle import Bundle


def add_only_argument(parser: argparse.ArgumentParser) -> None:
    """Name the option."""
    parser.add_argument(
        "--only", type=Path, default=None, metavar="LIST",
        help="what occurs at the place: a name a line, or a table such as a manifest",
    )  # fmt: skip


def listed_labels(path: Path, bundle: Bundle) -> frozenset[str]:
    """Read which of a bundle's labels may be the answer where only the taxa of a list occur.

    Raises
    ------
    TaxonomyError
        If the list cannot be read, is empty, or admits no label.
    """
    from birdsong.answers.narrowing import narrow
    from birdsong.taxa.csv_rows import read_text

    narrowed = narrow(read_text(path), bundle, name=path.name)
    n_unknown = len(narrowed.unknown)
    unknown = f"; {n_unknown} names are unknown to it" if n_unknown else ""
    print(
        f"{path.name}: {len(narrowed.only)} of the model's {len(bundle.bird_labels)} labels"
        f"{unknown}",
        file=sys.stderr,
    )
    return narrowed.only
