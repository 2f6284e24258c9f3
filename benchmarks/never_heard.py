"""What a model answers to species that it was not trained on, not even as auxiliary classes.

    python -m benchmarks.never_heard --images images --out runs/never-heard

A bundle of ``birdsong train --auxiliary-classes`` was trained on the species without a label as
well, and so was one that is pretrained on them; measured on these it would look better than it is.
Here networks are trained as its own was, each without every n-th of those species, and predict the
recordings of these; the bundle's calibration decides on the answers. Stop it whenever you like: it
goes on after the last epoch.
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
"""In a network's folder: the one that it goes on from."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the networks that there are not yet, and print what they answer."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.never_heard", description=__doc__)
    parser.add_argument(
        "--bundle", type=Path, default=DEFAULT_BUNDLE, help="one that was trained on them"
    )
    parser.add_argument("--images", type=Path, required=True, help="the images of its training")
    parser.add_argument("--out", type=Path, required=True, help="folder of the networks")
    parser.add_argument("--networks", type=int, default=2, help="the n above (default: 2)")
    parser.add_argument("--only", type=int, help="of these, how many to train (default: all)")
    parser.add_argument("--epochs", type=int, help="(default: as many as the bundle's)")
    asked = parser.parse_args(arguments)
    bundle, store = read_bundle(asked.bundle), open_store(asked.images)
    parts = [
        _predict_by_all(bundle, store, asked.out / str(nth), nth, asked.networks, asked.epochs)
        for nth in range(asked.networks)[: asked.only]
    ]
    data, lineages = CalibrationData.concatenate(parts), lineages_in(store, bundle.taxonomy)
    unknown = UnknownTaxa(data, tuple(lineages[name] for name in data.recordings))
    print(f"{len(unknown.lineages)} recordings of species that training never heard")
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


def _predict_by_all(
    bundle: Bundle, store: ImageStore, folder: Path, nth: int, n_networks: int, epochs: int | None
) -> CalibrationData:
    """Train networks as each of the bundle's own was, and average their logits."""
    members = network_provenances(bundle)
    parts = []
    for number, provenance in enumerate(members, start=1):
        config = TrainingConfig.from_dict(provenance["config"])
        config = replace(config, epochs=epochs or config.epochs)
        own = folder / str(number) if len(members) > 1 else folder
        parts.append(predict_left_out(store, config, own, nth, n_networks))
    return average_logits(_of_the_same(parts), [provenance["name"] for provenance in members])


def _of_the_same(parts: Sequence[CalibrationData]) -> list[CalibrationData]:
    """Drop what only some networks predicted, as rare birds in the session of a common one."""
    shared = set.intersection(*({*each.recordings} for each in parts))
    return [
        each.of(np.flatnonzero([recording in shared for recording in each.recordings]))
        for each in parts
    ]


def _share(n: int, counts: dict[str, int]) -> str:
    return f"{100 * n / counts['recordings']:.1f} %"


def predict_left_out(
    store: ImageStore, config: TrainingConfig, folder: Path, nth: int, n_networks: int
) -> CalibrationData:
    """Train a network without some of the species without a label, and predict these.

    Parameters
    ----------
    store : ImageStore
    config : TrainingConfig
        With auxiliary classes, or a bundle to go on from that knows the species without a label:
        such a network is trained first, without them, in a folder of its own.
    folder : Path
        Keeps what a training keeps.
    nth, n_networks : int
        It is trained without every `n_networks`-th of these species, counted from `nth`.

    Returns
    -------
    CalibrationData
        Of every recording of those that were left out; the taxon of none has a label.
    """
    import keras

    keras.backend.clear_session()
    if config.dataset.pretrained:
        config, left_out = _pretrained_without(store, config, folder / PRETRAINED, nth, n_networks)
        dataset = build_dataset(store, config.dataset)
    else:
        dataset = build_dataset(store, config.dataset)
        left_out = _every(dataset.auxiliary, len(dataset.labels), nth, n_networks)
    dataset = replace(dataset, auxiliary=_without(dataset.auxiliary, left_out.recordings))
    network, _ = fit_network(store, dataset, config, folder, listener=_listener(nth))
    without_label = dict.fromkeys(left_out.recordings, -1)
    return predict_split_logits(
        network.predict_on_batch,
        store,
        left_out,
        without_label,
        fold=nth,
        n_threads=config.n_threads,
    )


def _pretrained_without(
    store: ImageStore, config: TrainingConfig, folder: Path, nth: int, n_networks: int
) -> tuple[TrainingConfig, Split]:
    """Train what the network goes on from, without them; a config that goes on from that."""
    bundle = read_pretrained(Path(config.dataset.pretrained)).bundle
    first = TrainingConfig.from_dict(bundle.provenance["config"])
    dataset = build_dataset(store, first.dataset)
    left_out = _every(dataset.train, 0, nth, n_networks)
    if not (folder / "bundle").exists():
        dataset = replace(dataset, train=_without(dataset.train, left_out.recordings))
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
    return replace(config, dataset=replace(config.dataset, pretrained=pretrained)), left_out


def _every(part: Split, first: int, nth: int, n_networks: int) -> Split:
    """Take the images of every so many-th species, counted from a class index on."""
    return _chosen(
        part,
        [
            row.kind == "bird" and (index - first) % n_networks == nth
            for row, index in zip(part.rows, part.label_indices.tolist(), strict=True)
        ],
    )


def _without(part: Split, recordings: Collection[str]) -> Split:
    gone = frozenset(recordings)
    return _chosen(part, [row.recording not in gone for row in part.rows])


def _chosen(part: Split, chosen: Sequence[bool]) -> Split:
    return Split(tuple(compress(part.rows, chosen)), part.label_indices[np.array(chosen, bool)])


def _listener(nth: int) -> TrainingListener:
    def print_epoch(epoch: Mapping[str, float]) -> None:
        numbers = f"epoch {epoch['epoch']:.0f}: loss {epoch['loss']:.3f}"
        print(f"network {nth + 1}, {numbers}", flush=True)

    return TrainingListener(on_epoch=print_epoch)


if __name__ == "__main__":
    sys.exit(main())
