"""What becomes of species that training never heard, not even as others than its labels.

    python -m benchmarks.never_heard --images images --out runs/never-heard

A bundle of ``birdsong train --others`` learned from the species without a label as well, and so did
one that began with a network that knows them; to measure it on these flatters it. Here networks are
trained as its own was, each without every n-th of those species, and say what they hear in the
recordings of these; the bundle's calibration decides on the answers. Stop it whenever you like: it
goes on after the last epoch.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path

import numpy as np

from birdsong.bundle.bundle import Bundle
from birdsong.bundle.bundle_files import DEFAULT_BUNDLE, read_bundle
from birdsong.bundle.calibration_data import CalibrationData
from birdsong.images.store import ImageStore, open_store
from birdsong.learning.data.dataset_builder import build_dataset
from birdsong.learning.data.split import Split
from birdsong.learning.evaluation.held_out import UnknownTaxa, lineages_in
from birdsong.learning.evaluation.inference import predict_split_logits
from birdsong.learning.evaluation.unknown_species import answers_to_unknown
from birdsong.learning.export.ensemble import average_logits, network_provenances
from birdsong.learning.models.pretrained import read_pretrained
from birdsong.learning.training.fit import fit_network
from birdsong.learning.training.run_folder import finish_run
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.taxa.lineage import RANKS

PROMISES = (0.8, 0.9, 0.95)
BEFORE = "before"
"""In a network's folder: the one that it begins with."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the networks that there are not yet, and tell what they answer."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.never_heard", description=__doc__)
    parser.add_argument(
        "--bundle", type=Path, default=DEFAULT_BUNDLE, help="one that learned from them"
    )
    parser.add_argument("--images", type=Path, required=True, help="the images it learned from")
    parser.add_argument("--out", type=Path, required=True, help="folder of the networks")
    parser.add_argument("--networks", type=int, default=2, help="the n above (default: 2)")
    parser.add_argument("--only", type=int, help="of these, how many to train (default: all)")
    parser.add_argument("--epochs", type=int, help="(default: as many as the bundle's)")
    asked = parser.parse_args(arguments)
    bundle, store = read_bundle(asked.bundle), open_store(asked.images)
    heard = [
        _hear_each(bundle, store, asked.out / str(nth), nth, asked.networks, asked.epochs)
        for nth in range(asked.networks)[: asked.only]
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


def _hear_each(
    bundle: Bundle, store: ImageStore, folder: Path, nth: int, n_networks: int, epochs: int | None
) -> CalibrationData:
    """Train networks as each of the bundle's own was, and take the mean of what they say."""
    members = network_provenances(bundle)
    said = []
    for number, told in enumerate(members, start=1):
        config = TrainingConfig.from_dict(told["config"])
        config = replace(config, epochs=epochs or config.epochs)
        own = folder / str(number) if len(members) > 1 else folder
        said.append(hear_without(store, config, own, nth, n_networks))
    return average_logits(_about_the_same(said), [told["name"] for told in members])


def _about_the_same(said: Sequence[CalibrationData]) -> list[CalibrationData]:
    """Leave out what only some were asked about, as rare birds in the session of a common one."""
    asked = set.intersection(*({*each.recordings} for each in said))
    return [
        each.of(np.flatnonzero([recording in asked for recording in each.recordings]))
        for each in said
    ]


def _share(n: int, told: dict[str, int]) -> str:
    return f"{100 * n / told['recordings']:.1f} %"


def hear_without(
    store: ImageStore, config: TrainingConfig, folder: Path, nth: int, n_networks: int
) -> CalibrationData:
    """Train without every so many-th of the other species, and ask about their recordings."""
    import keras

    keras.backend.clear_session()
    if config.dataset.begin_with:
        config, asked = _begun_without(store, config, folder / BEFORE, nth, n_networks)
        dataset = build_dataset(store, config.dataset)
    else:
        dataset = build_dataset(store, config.dataset)
        asked = _every(dataset.others, len(dataset.labels), nth, n_networks)
    dataset = replace(dataset, others=_lacking(dataset.others, asked.recordings))
    network, _ = fit_network(store, dataset, config, folder, on_epoch=_teller(nth))
    nameless = dict.fromkeys(asked.recordings, -1)
    return predict_split_logits(network.predict_on_batch, store, asked, nameless, config, fold=nth)


def _begun_without(
    store: ImageStore, config: TrainingConfig, folder: Path, nth: int, n_networks: int
) -> tuple[TrainingConfig, Split]:
    """Train what the network begins with, without them; a config that begins with that."""
    before = read_pretrained(Path(config.dataset.begin_with)).bundle
    first = TrainingConfig.from_dict(before.provenance["config"])
    dataset = build_dataset(store, first.dataset)
    asked = _every(dataset.train, 0, nth, n_networks)
    if not (folder / "bundle").exists():
        dataset = replace(dataset, train=_lacking(dataset.train, asked.recordings))
        network, epochs = fit_network(store, dataset, first, folder, on_epoch=_teller(nth))
        finish_run(
            network, store, dataset, first, folder,
            history=epochs, metrics={}, calibration_data=None, told={},
        )  # fmt: skip
    begin_with = str(folder / "bundle")
    return replace(config, dataset=replace(config.dataset, begin_with=begin_with)), asked


def _every(part: Split, first: int, nth: int, n_networks: int) -> Split:
    """Take the images of every so many-th species, counted from a class index on."""
    return _chosen(
        part,
        [
            row.kind == "bird" and (index - first) % n_networks == nth
            for row, index in zip(part.rows, part.label_indices.tolist(), strict=True)
        ],
    )


def _lacking(part: Split, recordings: Collection[str]) -> Split:
    gone = frozenset(recordings)
    return _chosen(part, [row.recording not in gone for row in part.rows])


def _chosen(part: Split, chosen: Sequence[bool]) -> Split:
    return Split(tuple(compress(part.rows, chosen)), part.label_indices[np.array(chosen, bool)])


def _teller(nth: int) -> Callable[[Mapping[str, float]], None]:
    def tell(epoch: Mapping[str, float]) -> None:
        numbers = f"epoch {epoch['epoch']:.0f}: loss {epoch['loss']:.3f}"
        print(f"network {nth + 1}, {numbers}", flush=True)

    return tell


if __name__ == "__main__":
    sys.exit(main())
