"""A pretrained bundle: training starts with the weights of its network.

The sessions that the bundle learned from are only in the training split: on them the network would
look better than it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from birdsong.bundle.bundle import Bundle
from birdsong.bundle.bundle_files import WEIGHTS, read_bundle
from birdsong.errors import BundleError
from birdsong.images.tables import AttributionRow, known_attribution
from birdsong.taxa.labels import Label


@dataclass(frozen=True, slots=True)
class PretrainedBundle:
    """A pretrained bundle and its folder."""

    folder: Path
    bundle: Bundle

    def column(self, label: Label) -> int | None:
        """Column of the taxon of a label in the bundle's logits; None if it has none."""
        for column, own in enumerate(self.bundle.labels):
            if (own.rank, own.taxon) == (label.rank, label.taxon):
                return column
        return None

    def provenance(self) -> dict[str, Any]:
        """What the new bundle records about this one."""
        bundle = self.bundle
        return {
            "name": bundle.name,
            "fingerprint": bundle.fingerprint,
            "sessions": len(bundle.sessions),
            "licence": bundle.licence,
        }

    def attribution(self) -> list[AttributionRow]:
        """Recordists of the recordings that it learned from, as far as its folder names them."""
        return known_attribution(self.folder)


def read_pretrained(folder: Path) -> PretrainedBundle:
    """Read a pretrained bundle.

    Raises
    ------
    BundleError
        If it is not a bundle, is damaged, or lacks its weights or the config of its network.
    """
    bundle = read_bundle(folder)
    if not (folder / WEIGHTS).exists() or "config" not in bundle.provenance:
        raise BundleError(
            f"{folder}: bundle '{bundle.name}' cannot be used for pretraining: it lacks {WEIGHTS} "
            "or the config of its network; name a bundle that `birdsong train` wrote"
        )
    return PretrainedBundle(folder, bundle)
