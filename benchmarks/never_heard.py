"""What becomes of species that training never heard, not even as others than its labels.

    python -m benchmarks.never_heard --images images --out runs/never-heard

A bundle of ``birdsong train --others`` learned from the species without a label as well, so that to
measure it on these flatters it. Here networks are trained as its own was, each without every n-th
of those species, and say what they hear in the recordings of these; the bundle's calibration
decides on the answers. Stop it whenever you like: it goes on after the last epoch.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from birdsong.bundle import DEFAULT_BUNDLE, read_bundle
from birdsong.calibration_data import CalibrationData
from birdsong.images.store import ImageStore, open_store
from birdsong.learning.fitting import fit_network
from birdsong.learning.gathering import gather
from birdsong.learning.hearing import hear_part
from birdsong.learning.held_out import UnknownTaxa, lineages_in
from birdsong.learning.part import Part
from birdsong.learning.training_config import TrainingConfig
from birdsong.learning.unknown_species import answers_to_unknown
from birdsong.taxa.lineage import RANKS

PROMISES = (0.8, 0.9, 0.95)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the networks that there are not yet, and tell what they answer."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.never_heard", description=__doc__)
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE, help="of train --others")
    parser.add_argument("--images", type=Path, required=True, help="the pictures it learned from")
    parser.add_argument("--out", type=Path, required=True, help="folder of the networks")
    parser.add_argument("--networks", type=int, default=2, help="the n above (default: 2)")
    parser.add_argument("--epochs", type=int, help="(default: as many as the bundle's)")
    asked = parser.parse_args(arguments)
    bundle, store = read_bundle(asked.bundle), open_store(asked.images)
    config = TrainingConfig.from_dict(bundle.provenance["config"])
    config = replace(config, epochs=asked.epochs or config.epochs)
    heard = [
        hear_without(store, config, asked.out / str(nth), nth, asked.networks)
        for nth in range(asked.networks)
    ]
    said, lineages = CalibrationData.concatenate(heard), lineages_in(store, bundle.taxonomy)
    unknown = UnknownTaxa(said, tuple(lineages[name] for name in said.recordings))
    print(f"{len(unknown.lineages)} recordings of species that training never heard")
    for told in answers_to_unknown(bundle, unknown, PROMISES):
        by_rank = [
            f"{rank} {_share(told[rank]['right'], told)} right, "
            f"{_share(told[rank]['wrong'], told)} wrong"
            for rank in reversed(RANKS[1:])
            if any(told[rank].values())
        ]
        nothing = f"a bird {_share(told['class'], told)}, no bird {_share(told['none'], told)}"
        print(f"  promise {told['promise']:.0%}: {'; '.join([*by_rank, nothing])}")
    return 0


def _share(n: int, told: dict[str, int]) -> str:
    return f"{100 * n / told['recordings']:.1f} %"


def hear_without(
    store: ImageStore, config: TrainingConfig, folder: Path, nth: int, n_networks: int
) -> CalibrationData:
    """Train without every so many-th of the other species, and ask about their recordings."""
    import keras

    keras.backend.clear_session()
    material = gather(store, config.material)
    others = material.others
    left_out = (others.label_indices - len(material.labels)) % n_networks == nth
    without, asked = (
        Part(tuple(others.rows[i] for i in np.flatnonzero(chosen)), others.label_indices[chosen])
        for chosen in (~left_out, left_out)
    )
    network, _ = fit_network(
        store,
        replace(material, others=without),
        config,
        folder,
        on_epoch=lambda epoch: print(
            f"network {nth + 1}, epoch {epoch['epoch']:.0f}: loss {epoch['loss']:.3f}", flush=True
        ),
    )
    nameless = dict.fromkeys(asked.recordings, -1)
    return hear_part(network.predict_on_batch, store, asked, nameless, config, fold=nth)


if __name__ == "__main__":
    sys.exit(main())
