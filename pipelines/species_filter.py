"""``--only LIST``: answers narrowed to the taxa of a list, for the stages that have it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from birdsong.bundle.bundle import Bundle

MAX_NAMED = 10


def add_only_argument(parser: argparse.ArgumentParser) -> None:
    """Name the option."""
    parser.add_argument(
        "--only", type=Path, default=None, metavar="LIST",
        help="what occurs at the place: a name a line, scientific or English, or a table such as a "
        "manifest, eBird's life list, or what iNaturalist exports",
    )  # fmt: skip


def allowed_labels(path: Path, bundle: Bundle) -> frozenset[str]:
    """Read which of a bundle's labels may be the answer where only the taxa of a list occur.

    Raises
    ------
    TaxonomyError
        If the list cannot be read, is empty, or admits no label.
    """
    from birdsong.answers.species_filter import read_species_filter
    from birdsong.errors import one_line
    from birdsong.taxa.csv_rows import read_text

    from .truncate import first_few

    narrowed = read_species_filter(read_text(path), bundle, name=path.name)
    said = f"{path.name}: {len(narrowed.only)} of the model's {len(bundle.bird_labels)} labels"
    if n := len(narrowed.unknown):
        said += f"; {n} {'name is' if n == 1 else 'names are'} unknown to it: "
        said += ", ".join(first_few(narrowed.unknown, n_named=MAX_NAMED))
    if n := len(narrowed.passed_over):
        said += f"; {n} {'is' if n == 1 else 'are'} of no one species, and passed over: "
        said += ", ".join(first_few(narrowed.passed_over, n_named=MAX_NAMED))
    print(one_line(said), file=sys.stderr)
    return narrowed.only
