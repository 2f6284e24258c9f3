"""A folder of images to a dataset: labels are chosen, recordings split by session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from birdsong.errors import DatasetError
from birdsong.images.store import ImageStore
from birdsong.images.tables import IndexRow
from birdsong.learning.data.auxiliary_classes import auxiliary_labels
from birdsong.learning.data.dataset import Dataset
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.data.named_recordings import NamedRecordings, named_recordings
from birdsong.learning.data.partial_labels import partial_labels_split
from birdsong.learning.data.pretrained_bundle import PretrainedBundle, read_pretrained
from birdsong.learning.data.split import Split
from birdsong.recordings.splits import SPLITS, check_no_leak, folds_by_session, split_by_session
from birdsong.taxa.labels import BACKGROUND, Label, label_indices, select_labels

Divide: TypeAlias = Callable[[Sequence[str], Sequence[str]], Sequence[str]]
"""Takes the session and the label of each recording, returns its split."""


def build_dataset(store: ImageStore, config: DatasetConfig) -> Dataset:
    """Choose the labels and split the recordings by session.

    Parameters
    ----------
    store : ImageStore
    config : DatasetConfig

    Returns
    -------
    Dataset

    Raises
    ------
    BundleError
        If the bundle to begin with is none, or learned from images made in another way.
    DatasetError
        If fewer than two labels are left to tell apart, or that bundle knows all of the sessions.
    TaxonomyError
        If a taxon of ``config.under`` or ``config.without`` is unknown, the taxa contradict each
        other, or no label has recordings enough.
    """

    def divide(sessions: Sequence[str], labels: Sequence[str]) -> Sequence[str]:
        return [
            str(part)
            for part in split_by_session(
                sessions,
                labels,
                validation_share=config.validation_share,
                calibration_share=config.calibration_share,
                test_share=config.test_share,
                seed=config.seed,
            )
        ]

    return _build(store, config, divide)


def build_fold(store: ImageStore, config: DatasetConfig, n_folds: int, fold: int) -> Dataset:
    """Choose the labels, hold one fold of the recordings out as test and train on all others.

    A label with one session is trained on in every fold and never held out.

    Parameters
    ----------
    store : ImageStore
    config : DatasetConfig
        Its shares do not count.
    n_folds : int
        2 or more.
    fold : int
        From 0.

    Returns
    -------
    Dataset

    Raises
    ------
    BundleError
        As `build_dataset` does.
    DatasetError
        As `build_dataset` does; or if there are too few sessions for so many folds.
    TaxonomyError
        As `build_dataset` does.
    """

    def divide(sessions: Sequence[str], labels: Sequence[str]) -> Sequence[str]:
        folds = folds_by_session(sessions, labels, n_folds=n_folds, seed=config.seed)
        return ["test" if of == fold else "train" for of in folds]

    return _build(store, config, divide)


def _build(store: ImageStore, config: DatasetConfig, divide: Divide) -> Dataset:
    """Choose the labels; `divide` tells the split of each recording from its session and label."""
    recordings = named_recordings(store, config)
    pretrained = _pretrained(store, config)
    labels = _choose_labels(store, recordings, config)
    indices = label_indices(labels, list(recordings.lineages.values()), without=config.without)
    label_of = {
        name: int(label)
        for name, label in zip(recordings.lineages, indices, strict=True)
        if label >= 0
    }
    sessions = [recordings.session(name) for name in label_of]
    divided = _divided(divide, sessions, list(map(str, label_of.values())), pretrained)
    check_no_leak(sessions, divided)
    split_of = dict(zip(label_of, divided, strict=True))
    taxonomy = recordings.taxonomy(split_of)
    labels = _counted(labels, label_of, split_of, recordings)
    split_of |= _without_a_bird(recordings, split_of)
    rows = _images(store.rows, split_of, config)
    if any(row.kind == "background" for row in rows):
        labels = (*labels, BACKGROUND)
    splits = _splits(rows, split_of, label_of, len(labels) - 1)
    dataset = Dataset(
        labels=labels,
        taxonomy=taxonomy,
        learned_taxonomy=taxonomy,
        class_index_of=label_of,
        train=splits["train"],
        validation=splits["validation"],
        calibration=splits["calibration"],
        test=splits["test"],
        pretrained=pretrained,
    )
    return _with_unlabelled(dataset, store, recordings, config)


def _choose_labels(
    store: ImageStore, recordings: NamedRecordings, config: DatasetConfig
) -> tuple[Label, ...]:
    labels = select_labels(
        list(recordings.lineages.values()),
        [recordings.session(name) for name in recordings.lineages],
        rank=config.rank,
        under=config.under,
        without=config.without,
        min_recordings=config.min_recordings,
        back_off=config.back_off,
    )
    if len(labels) < 2:
        raise DatasetError(
            f"{store.folder}: only {labels[0].taxon} has recordings enough at rank "
            f"{config.rank}; a model needs two labels to tell apart"
        )
    return labels


def _splits(
    rows: Sequence[IndexRow],
    split_of: Mapping[str, str],
    label_of: Mapping[str, int],
    background: int,
) -> dict[str, Split]:
    """Images and class indices of each split; `background` is the class index of the background."""
    splits = {}
    for name in SPLITS:
        own = tuple(row for row in rows if split_of[row.recording] == name)
        classes = [
            background if row.kind == "background" else label_of[row.recording] for row in own
        ]
        splits[name] = Split(own, np.array(classes, np.int64))
    return splits


def _with_unlabelled(
    dataset: Dataset, store: ImageStore, recordings: NamedRecordings, config: DatasetConfig
) -> Dataset:
    """Add what recordings without a label teach, if asked for: none of a session kept apart."""
    kept_apart = dataset.validation.sessions | dataset.calibration.sessions | dataset.test.sessions
    unlabelled = {
        name: lineage
        for name, lineage in recordings.lineages.items()
        if name not in dataset.class_index_of and recordings.session(name) not in kept_apart
    }
    if config.auxiliary_classes:
        auxiliary, labels = auxiliary_labels(
            store.rows,
            unlabelled,
            rank=config.rank,
            first_index=len(dataset.labels),
            under=config.under,
            without=config.without,
        )
        taught = {*dataset.class_index_of, *auxiliary.recordings}
        dataset = replace(
            dataset,
            auxiliary=auxiliary,
            auxiliary_labels=labels,
            learned_taxonomy=recordings.taxonomy(taught),
        )
        unlabelled = {name: each for name, each in unlabelled.items() if name not in taught}
    if config.partial_labels:
        partial = partial_labels_split(
            store.rows,
            unlabelled,
            dataset.learned_labels,
            dataset.learned_taxonomy,
            under=config.under,
            without=config.without,
        )
        dataset = replace(dataset, partial=partial)
    return dataset


def _pretrained(store: ImageStore, config: DatasetConfig) -> PretrainedBundle | None:
    """Read the bundle to begin with, if there is one, and see that it knows such images."""
    if not config.pretrained:
        return None
    pretrained = read_pretrained(Path(config.pretrained))
    pretrained.bundle.require_images(store.config, str(store.folder))
    return pretrained


def _divided(
    divide: Divide,
    sessions: Sequence[str],
    labels: Sequence[str],
    pretrained: PretrainedBundle | None,
) -> Sequence[str]:
    """Divide what the network does not know before it learns; the rest only trains."""
    if pretrained is None:
        return divide(sessions, labels)
    known = pretrained.bundle.sessions
    fresh = [i for i, session in enumerate(sessions) if session not in known]
    if not fresh:
        raise DatasetError(
            f"bundle '{pretrained.bundle.name}' has learned from all sessions of these recordings: "
            "nothing would tell how good the network is; add recordings, or begin without it"
        )
    parts = ["train"] * len(sessions)
    own = divide([sessions[i] for i in fresh], [labels[i] for i in fresh])
    for i, part in zip(fresh, own, strict=True):
        parts[i] = part
    return parts


def _without_a_bird(recordings: NamedRecordings, split_of: Mapping[str, str]) -> dict[str, str]:
    """Recordings that are known to hold no bird teach the background, but for those kept apart."""
    kept_apart = {recordings.session(name) for name, split in split_of.items() if split != "train"}
    return {
        name: "train"
        for name, row in recordings.first_rows.items()
        if not row.taxon and row.session not in kept_apart
    }


def _counted(
    labels: tuple[Label, ...],
    label_of: Mapping[str, int],
    split_of: Mapping[str, str],
    recordings: NamedRecordings,
) -> tuple[Label, ...]:
    """Count for each label what teaches it: a recording kept apart does not."""
    taught: list[list[str]] = [[] for _ in labels]
    for name, part in split_of.items():
        if part in ("train", "validation"):
            taught[label_of[name]].append(recordings.session(name))
    return tuple(
        replace(label, n_recordings=len(sessions), n_sessions=len(set(sessions)))
        for label, sessions in zip(labels, taught, strict=True)
    )


def _images(
    rows: Sequence[IndexRow], split_of: dict[str, str], config: DatasetConfig
) -> list[IndexRow]:
    """Keep the images of the chosen recordings, of the training background only a share."""
    rows = [row for row in rows if row.recording in split_of]

    def teaches_background(row: IndexRow) -> bool:
        return row.kind == "background" and split_of[row.recording] == "train"

    n_birds = sum(row.kind == "bird" and split_of[row.recording] == "train" for row in rows)
    backgrounds = [i for i, row in enumerate(rows) if teaches_background(row)]
    n_kept = min(len(backgrounds), round(config.background_share * n_birds))
    generator = np.random.default_rng(config.seed)
    kept = set(generator.choice(backgrounds, n_kept, replace=False) if n_kept else [])
    return [row for i, row in enumerate(rows) if i in kept or not teaches_background(row)]
