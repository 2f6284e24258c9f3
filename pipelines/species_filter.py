"""The option ``--only LIST``, which limits answers to the taxa of a list."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from birdsong.bundle.bundle import Bundle

MAX_NAMED = 10


def add_only_argument(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument(
        "--only", type=Path, default=None, metavar="LIST",
        help="list of the possible taxa: a scientific or English name per line, or a table such as "
        "a manifest, an eBird life list or an iNaturalist export",
    )  # fmt: skip


def allowed_labels(path: Path, bundle: Bundle) -> frozenset[str]:
    """Read a list of taxa, and return the labels of the bundle that it allows.

    Raises
    ------
    TaxonomyError
        If the list cannot be read, is empty, or allows no label.
    """
    from birdsong.answers.species_filter import read_species_filter
    from birdsong.errors import one_line
    from birdsong.taxa.csv_rows import read_text

    from .truncate import truncate

    species_filter = read_species_filter(read_text(path), bundle, name=path.name)
    summary = (
        f"{path.name}: {len(species_filter.only)} of the model's {len(bundle.bird_labels)} labels"
    )
    if n := len(species_filter.unknown):
        summary += f"; {n} unknown {'name' if n == 1 else 'names'}: "
        summary += ", ".join(truncate(species_filter.unknown, max_items=MAX_NAMED))
    if n := len(species_filter.ambiguous):
        summary += f"; {n} {'name' if n == 1 else 'names'} skipped, as of no single species: "
        summary += ", ".join(truncate(species_filter.ambiguous, max_items=MAX_NAMED))
    print(one_line(summary), file=sys.stderr)
    return species_filter.only
