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
    from birdsong.taxa.species_list import admitted_labels, read_species_list

    listed = read_species_list(path, bundle.taxonomy)
    admitted = admitted_labels(listed, bundle.taxonomy, bundle.bird_labels)
    only = frozenset(
        label.taxon for label, may in zip(bundle.bird_labels, admitted, strict=True) if may
    )
    unknown = f"; {len(listed.unknown)} names are unknown to it" if listed.unknown else ""
    print(
        f"{path.name}: {len(only)} of the model's {len(bundle.bird_labels)} labels{unknown}",
        file=sys.stderr,
    )
    return only
