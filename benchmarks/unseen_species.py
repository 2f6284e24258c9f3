"""Answers to species that a network was not trained on, not even as auxiliary classes.

    python -m benchmarks.unseen_species --images images --out runs/unseen-species

A bundle of ``birdsong train --auxiliary-classes`` was also trained on the species without a label,
and so was a bundle that was pretrained on them. On these species it looks better than it is. Here
networks are trained with the bundle's config, each without every n-th of those species, and predict
the recordings of these; the bundle's calibration gives the answers. You can stop it at any time: it
resumes after the last epoch.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path

import numpy as np

from birdsong.bundle.bundle import Bundle
from birdsong.bundle.bundle_files import DEFAULT_BUNDLE, read_bundle
from birdsong.bundle.calibration_data import CalibrationData
from birdsong.images.store import ImageStore, open_store
from birdsong.learning.data.dataset_builder import build_dataset
from birdsong.learning.data.pretrained_bundle import read_pretrained
from birdsong.learning.data.split import Split
from birdsong.learning.evaluation.held_out import UnknownTaxa, lineages_in
from birdsong.learning.evaluation.inference import predict_split_logits
from birdsong.learning.evaluation.unknown_species import answers_to_unknown
from birdsong.learning.export.ensemble import average_logits, network_provenances
from birdsong.learning.training.finished_run import FinishedTraining, finish_run
from birdsong.learning.training.fit import fit_network
from birdsong.learning.training.listener import TrainingListener
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.taxa.lineage import RANKS

PROMISES = (0.8, 0.9, 0.95)
PRETRAINED = "before"
"""Subfolder of a network: the network that it is pretrained with."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the missing networks, and print the answers."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.unseen_species", description=__doc__
    )
    parser.add_argument(
        "--bundle",
        type=Path,
        default=DEFAULT_BUNDLE,
        help="bundle whose config and calibration are used",
    )
    parser.add_argument("--images", type=Path, required=True, help="the images of its training")
    parser.add_argument("--out", type=Path, required=True, help="folder of the networks")
    parser.add_argument("--networks", type=int, default=2, help="the n above (default: 2)")
    parser.add_argument("--only", type=int, help="of these, how many to train (default: all)")
    parser.add_argument("--epochs", type=int, help="(default: as many as the bundle's)")
    options = parser.parse_args(arguments)
    bundle, store = read_bundle(options.bundle), open_store(options.images)
    parts = [
        _predict_with_ensemble(
            bundle, store, options.out / str(nth), nth, options.networks, options.epochs
        )
        for nth in range(options.networks)[: options.only]
    ]
    data, lineages = CalibrationData.concatenate(parts), lineages_in(store, bundle.taxonomy)
    unknown = UnknownTaxa(data, tuple(lineages[name] for name in data.recordings))
    print(f"{len(unknown.lineages)} recordings of species that were not in training")
    for counts in answers_to_unknown(bundle, unknown, PROMISES):
        by_rank = [
            f"{rank} {_share(counts[rank]['right'], counts)} right, "
            f"{_share(counts[rank]['wrong'], counts)} wrong"
            for rank in reversed(RANKS[1:])
            if any(counts[rank].values())
        ]
        nothing = (
            f"a bird {_share(counts['class'], counts)}, no bird {_share(counts['none'], counts)}"
        )
        print(f"  promise {counts['promise']:.0%}: {'; '.join([*by_rank, nothing])}")
    return 0


def _predict_with_ensemble(
    bundle: Bundle, store: ImageStore, folder: Path, nth: int, n_networks: int, epochs: int | None
) -> CalibrationData:
    """Train a network with the config of each of the bundle's, and average their logits."""
    members = network_provenances(bundle)
    parts = []
    for number, provenance in enumerate(members, start=1):
        config = TrainingConfig.from_dict(provenance["config"])
        config = replace(config, epochs=epochs or config.epochs)
        own = folder / str(number) if len(members) > 1 else folder
        parts.append(predict_unseen(store, config, own, nth, n_networks))
    return average_logits(_shared_recordings(parts), [provenance["name"] for provenance in members])


def _shared_recordings(parts: Sequence[CalibrationData]) -> list[CalibrationData]:
    """Keep the recordings that all networks predicted."""
    shared = set.intersection(*({*each.recordings} for each in parts))
    return [
        each.of(np.flatnonzero([recording in shared for recording in each.recordings]))
        for each in parts
    ]


def _share(n: int, counts: dict[str, int]) -> str:
    return f"{100 * n / counts['recordings']:.1f} %"


def predict_unseen(
    store: ImageStore, config: TrainingConfig, folder: Path, nth: int, n_networks: int
) -> CalibrationData:
    """Train a network without some of the species that have no label, and predict these.

    Parameters
    ----------
    store : ImageStore
    config : TrainingConfig
        With auxiliary classes, or with a pretrained bundle that knows the species without a label;
        the pretrained network is then trained again without them, in a subfolder.
    folder : Path
        Folder of the training.
    nth, n_networks : int
        Every `n_networks`-th of these species, from `nth`, is left out.

    Returns
    -------
    CalibrationData
        Logits of every recording of the species that were left out, with the class index -1.
    """
    import keras

    keras.backend.clear_session()
    if config.dataset.pretrained:
        config, unseen = _pretrained_without(store, config, folder / PRETRAINED, nth, n_networks)
        dataset = build_dataset(store, config.dataset)
    else:
        dataset = build_dataset(store, config.dataset)
        unseen = _select_species(dataset.auxiliary, len(dataset.labels), nth, n_networks)
    dataset = replace(dataset, auxiliary=_drop_recordings(dataset.auxiliary, unseen.recordings))
    network, _ = fit_network(store, dataset, config, folder, listener=_listener(nth))
    without_label = dict.fromkeys(unseen.recordings, -1)
    return predict_split_logits(
        network.predict_on_batch,
        store,
        unseen,
        without_label,
        fold=nth,
        n_threads=config.n_threads,
    )


def _pretrained_without(
    store: ImageStore, config: TrainingConfig, folder: Path, nth: int, n_networks: int
) -> tuple[TrainingConfig, Split]:
    """Train the pretrained network without the unseen species; return a config that uses it."""
    bundle = read_pretrained(Path(config.dataset.pretrained)).bundle
    first = TrainingConfig.from_dict(bundle.provenance["config"])
    dataset = build_dataset(store, first.dataset)
    unseen = _select_species(dataset.train, 0, nth, n_networks)
    if not (folder / "bundle").exists():
        dataset = replace(dataset, train=_drop_recordings(dataset.train, unseen.recordings))
        network, epochs = fit_network(store, dataset, first, folder, listener=_listener(nth))
        finished = FinishedTraining(
            model=network,
            dataset=dataset,
            history=epochs,
            metrics={},
            calibration_data=None,
            origin={},
        )
        finish_run(finished, store, first, folder)
    pretrained = str(folder / "bundle")
    return replace(config, dataset=replace(config.dataset, pretrained=pretrained)), unseen


def _select_species(split: Split, first: int, nth: int, n_networks: int) -> Split:
    """Select the images of every `n_networks`-th species, from class index `first` on."""
    return _select(
        split,
        [
            row.kind == "bird" and (index - first) % n_networks == nth
            for row, index in zip(split.rows, split.label_indices.tolist(), strict=True)
        ],
    )


def _drop_recordings(split: Split, recordings: Collection[str]) -> Split:
    gone = frozenset(recordings)
    return _select(split, [row.recording not in gone for row in split.rows])


def _select(split: Split, chosen: Sequence[bool]) -> Split:
    return Split(tuple(compress(split.rows, chosen)), split.label_indices[np.array(chosen, bool)])


def _listener(nth: int) -> TrainingListener:
    def print_epoch(epoch: Mapping[str, float]) -> None:
        numbers = f"epoch {epoch['epoch']:.0f}: loss {epoch['loss']:.3f}"
        print(f"network {nth + 1}, {numbers}", flush=True)

    return TrainingListener(on_epoch=print_epoch)


if __name__ == "__main__":
    sys.exit(main())
