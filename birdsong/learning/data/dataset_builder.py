"""Builds a dataset from a folder of images: chooses the labels and splits by session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from birdsong.errors import DatasetError
from birdsong.images.store import ImageStore
from birdsong.images.tables import IndexRow
from birdsong.learning.data.auxiliary_classes import auxiliary_classes_split
from birdsong.learning.data.dataset import Dataset
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.data.named_recordings import NamedRecordings, named_recordings
from birdsong.learning.data.partial_labels import partial_labels_split
from birdsong.learning.data.pretrained_bundle import PretrainedBundle, read_pretrained
from birdsong.learning.data.split import Split
from birdsong.recordings.splits import SPLITS, check_no_leak, folds_by_session, split_by_session
from birdsong.taxa.labels import BACKGROUND, Label, label_indices, select_labels

AssignSplits: TypeAlias = Callable[[Sequence[str], Sequence[str]], Sequence[str]]
"""Takes the sessions and the labels of recordings, returns the split of each."""


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
        If the pretrained bundle cannot be read, or was trained on images with other settings.
    DatasetError
        If fewer than two labels are left, or the pretrained bundle has learned from all sessions.
    TaxonomyError
        If a taxon of ``config.under`` or ``config.without`` is unknown, the taxa contradict each
        other, or no label has enough recordings.
    """

    def assign_splits(sessions: Sequence[str], labels: Sequence[str]) -> Sequence[str]:
        return [
            str(split)
            for split in split_by_session(
                sessions,
                labels,
                validation_share=config.validation_share,
                calibration_share=config.calibration_share,
                test_share=config.test_share,
                seed=config.seed,
            )
        ]

    return _build(store, config, assign_splits)


def build_fold(store: ImageStore, config: DatasetConfig, n_folds: int, fold: int) -> Dataset:
    """Choose the labels, use one fold of the recordings as the test split and train on the others.

    A label with a single session is trained on in every fold and never held out.

    Parameters
    ----------
    store : ImageStore
    config : DatasetConfig
        Its shares of the splits are ignored.
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
        As `build_dataset` does; or if there are fewer sessions than folds.
    TaxonomyError
        As `build_dataset` does.
    """

    def assign_splits(sessions: Sequence[str], labels: Sequence[str]) -> Sequence[str]:
        folds = folds_by_session(sessions, labels, n_folds=n_folds, seed=config.seed)
        return ["test" if own == fold else "train" for own in folds]

    return _build(store, config, assign_splits)


def _build(store: ImageStore, config: DatasetConfig, assign_splits: AssignSplits) -> Dataset:
    """Build a dataset whose recordings are assigned to splits by `assign_splits`."""
    recordings = named_recordings(store, config)
    pretrained = _read_pretrained(store, config)
    labels = _choose_labels(store, recordings, config)
    indices = label_indices(labels, list(recordings.lineages.values()), without=config.without)
    label_of = {
        name: int(label)
        for name, label in zip(recordings.lineages, indices, strict=True)
        if label >= 0
    }
    sessions = [recordings.session(name) for name in label_of]
    assigned = _assigned_splits(
        assign_splits, sessions, list(map(str, label_of.values())), pretrained
    )
    check_no_leak(sessions, assigned)
    split_of = dict(zip(label_of, assigned, strict=True))
    taxonomy = recordings.taxonomy(split_of)
    labels = _with_training_counts(labels, label_of, split_of, recordings)
    split_of |= _background_recordings(recordings, split_of)
    rows = _select_images(store.rows, split_of, config)
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
    return _add_unlabelled(dataset, store, recordings, config)


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
            f"{store.folder}: only {labels[0].taxon} has enough recordings at rank "
            f"{config.rank}; a model needs at least two labels"
        )
    return labels


def _splits(
    rows: Sequence[IndexRow],
    split_of: Mapping[str, str],
    label_of: Mapping[str, int],
    background: int,
) -> dict[str, Split]:
    """Build each split; `background` is the class index of the background."""
    splits = {}
    for name in SPLITS:
        own = tuple(row for row in rows if split_of[row.recording] == name)
        classes = [
            background if row.kind == "background" else label_of[row.recording] for row in own
        ]
        splits[name] = Split(own, np.array(classes, np.int64))
    return splits


def _add_unlabelled(
    dataset: Dataset, store: ImageStore, recordings: NamedRecordings, config: DatasetConfig
) -> Dataset:
    """Add auxiliary classes and partial labels, if configured, but none of a held-out session."""
    held_out_sessions = (
        dataset.validation.sessions | dataset.calibration.sessions | dataset.test.sessions
    )
    unlabelled = {
        name: lineage
        for name, lineage in recordings.lineages.items()
        if name not in dataset.class_index_of and recordings.session(name) not in held_out_sessions
    }
    if config.auxiliary_classes:
        auxiliary, labels = auxiliary_classes_split(
            store.rows,
            unlabelled,
            rank=config.rank,
            first_index=len(dataset.labels),
            under=config.under,
            without=config.without,
        )
        used = {*dataset.class_index_of, *auxiliary.recordings}
        dataset = replace(
            dataset,
            auxiliary=auxiliary,
            auxiliary_labels=labels,
            learned_taxonomy=recordings.taxonomy(used),
        )
        unlabelled = {name: each for name, each in unlabelled.items() if name not in used}
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


def _read_pretrained(store: ImageStore, config: DatasetConfig) -> PretrainedBundle | None:
    """Read the pretrained bundle, if there is one, and check that its images are of this kind."""
    if not config.pretrained:
        return None
    pretrained = read_pretrained(Path(config.pretrained))
    pretrained.bundle.require_images(store.config, str(store.folder))
    return pretrained


def _assigned_splits(
    assign_splits: AssignSplits,
    sessions: Sequence[str],
    labels: Sequence[str],
    pretrained: PretrainedBundle | None,
) -> Sequence[str]:
    """Split the sessions that the pretrained bundle did not learn from; put the others in train."""
    if pretrained is None:
        return assign_splits(sessions, labels)
    known = pretrained.bundle.sessions
    fresh = [i for i, session in enumerate(sessions) if session not in known]
    if not fresh:
        raise DatasetError(
            f"bundle '{pretrained.bundle.name}' has learned from all sessions of these recordings, "
            "so none is left to test the network on; add recordings, or train from scratch"
        )
    splits = ["train"] * len(sessions)
    own = assign_splits([sessions[i] for i in fresh], [labels[i] for i in fresh])
    for i, split in zip(fresh, own, strict=True):
        splits[i] = split
    return splits


def _background_recordings(
    recordings: NamedRecordings, split_of: Mapping[str, str]
) -> dict[str, str]:
    """Put recordings without a bird into train, as background, but none of a held-out session."""
    held_out_sessions = {
        recordings.session(name) for name, split in split_of.items() if split != "train"
    }
    return {
        name: "train"
        for name, row in recordings.first_rows.items()
        if not row.taxon and row.session not in held_out_sessions
    }


def _with_training_counts(
    labels: tuple[Label, ...],
    label_of: Mapping[str, int],
    split_of: Mapping[str, str],
    recordings: NamedRecordings,
) -> tuple[Label, ...]:
    """Count the recordings and sessions of each label in the training and validation splits."""
    sessions_of: list[list[str]] = [[] for _ in labels]
    for name, split in split_of.items():
        if split in ("train", "validation"):
            sessions_of[label_of[name]].append(recordings.session(name))
    return tuple(
        replace(label, n_recordings=len(sessions), n_sessions=len(set(sessions)))
        for label, sessions in zip(labels, sessions_of, strict=True)
    )


def _select_images(
    rows: Sequence[IndexRow], split_of: dict[str, str], config: DatasetConfig
) -> list[IndexRow]:
    """Select the images of the chosen recordings, and a random share of the training background."""
    rows = [row for row in rows if row.recording in split_of]

    def is_training_background(row: IndexRow) -> bool:
        return row.kind == "background" and split_of[row.recording] == "train"

    n_birds = sum(row.kind == "bird" and split_of[row.recording] == "train" for row in rows)
    backgrounds = [i for i, row in enumerate(rows) if is_training_background(row)]
    n_kept = min(len(backgrounds), round(config.background_share * n_birds))
    generator = np.random.default_rng(config.seed)
    kept = set(generator.choice(backgrounds, n_kept, replace=False) if n_kept else [])
    return [row for i, row in enumerate(rows) if i in kept or not is_training_background(row)]
