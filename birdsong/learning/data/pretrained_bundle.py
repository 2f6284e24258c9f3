"""A bundle whose network a training begins with.

What the bundle learned from only trains: the network knows it already, and would look better by it
than it is.
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
    """A bundle to begin with, and its folder."""

    folder: Path
    bundle: Bundle

    def column(self, label: Label) -> int | None:
        """Where the bundle's network has the taxon of a label; None where it has not."""
        for column, own in enumerate(self.bundle.labels):
            if (own.rank, own.taxon) == (label.rank, label.taxon):
                return column
        return None

    def provenance(self) -> dict[str, Any]:
        """What a bundle that began with this one keeps of it."""
        bundle = self.bundle
        return {
            "name": bundle.name,
            "fingerprint": bundle.fingerprint,
            "sessions": len(bundle.sessions),
            "licence": bundle.licence,
        }

    def attribution(self) -> list[AttributionRow]:
        """Whose recordings it learned from, as far as its folder says so."""
        return known_attribution(self.folder)


def read_pretrained(folder: Path) -> PretrainedBundle:
    """Read a bundle to begin with.

    Raises
    ------
    BundleError
        If it is none, or damaged, or does not hold its weights and how its network was made.
    """
    bundle = read_bundle(folder)
    if not (folder / WEIGHTS).exists() or "config" not in bundle.provenance:
        raise BundleError(
            f"{folder}: no training can begin with bundle '{bundle.name}', since it lacks "
            f"{WEIGHTS} or the config of its network; name one that `birdsong train` wrote"
        )
    return PretrainedBundle(folder, bundle)
