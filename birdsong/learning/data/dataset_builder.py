"""From a folder of images to what a network learns from: labels chosen, recordings split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path

import numpy as np

from birdsong.errors import DatasetError
from birdsong.images.store import ImageStore
from birdsong.images.tables import IndexRow
from birdsong.learning.data.auxiliary_classes import auxiliary_labels
from birdsong.learning.data.dataset import Dataset
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.data.partial_labels import partial_labels_split
from birdsong.learning.data.split import Split
from birdsong.learning.models.pretrained import PretrainedBundle, read_pretrained
from birdsong.recordings.splits import SPLITS, check_no_leak, folds_by_session, split_by_session
from birdsong.taxa.labels import BACKGROUND, Label, are_rare, label_indices, select_labels
from birdsong.taxa.lineage import Lineage
from birdsong.taxa.name_resolution import complete_lineage
from birdsong.taxa.taxonomy import Taxonomy


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


def _build(
    store: ImageStore,
    config: DatasetConfig,
    divide: Callable[[Sequence[str], Sequence[str]], Sequence[str]],
) -> Dataset:
    """Choose the labels; `divide` tells the part of each recording from its session and label."""
    if not store.rows:
        raise DatasetError(f"{store.folder}: holds no image; its receipt.csv tells why")
    pretrained = _pretrained(store, config)
    first_rows = {row.recording: row for row in reversed(store.rows)}
    recordings = sorted(name for name, row in first_rows.items() if row.taxon)
    lineages = [lineage_of(first_rows[name]) for name in recordings]
    tree = Taxonomy.from_lineages(lineages, (f"recording {name}" for name in recordings))
    lineages = [complete_lineage(tree, lineage) for lineage in lineages]
    if config.max_recordings:
        rare = are_rare(
            lineages,
            [first_rows[name].session for name in recordings],
            rank=config.rank,
            max_recordings=config.max_recordings,
        )
        recordings, lineages = list(compress(recordings, rare)), list(compress(lineages, rare))
    labels = select_labels(
        lineages,
        [first_rows[name].session for name in recordings],
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
    indices = label_indices(labels, lineages, without=config.without)
    label_of = dict(zip(recordings, indices, strict=True))
    labelled = [name for name, label in label_of.items() if label >= 0]
    sessions = [first_rows[name].session for name in labelled]
    divided = _divided(divide, sessions, [str(label_of[name]) for name in labelled], pretrained)
    check_no_leak(sessions, divided)
    split_of = dict(zip(labelled, divided, strict=True))
    taxonomy = Taxonomy.from_lineages(
        [lineage for lineage, name in zip(lineages, recordings, strict=True) if name in split_of]
    )
    labels = _counted(labels, label_of, split_of, first_rows)
    split_of |= _without_a_bird(first_rows, split_of)
    rows = _images(store.rows, split_of, config)
    if any(row.kind == "background" for row in rows):
        labels = (*labels, BACKGROUND)
    parts = {}
    for part in SPLITS:
        chosen = tuple(row for row in rows if split_of[row.recording] == part)
        classes = [
            len(labels) - 1 if row.kind == "background" else label_of[row.recording]
            for row in chosen
        ]
        parts[part] = Split(chosen, np.array(classes, np.int64))
    class_index_of = {name: int(label_of[name]) for name in labelled}
    dataset = Dataset(
        labels, taxonomy, taxonomy, class_index_of,
        parts["train"], parts["validation"], parts["calibration"], parts["test"],
        pretrained=pretrained,
    )  # fmt: skip
    lineage_by_name = dict(zip(recordings, lineages, strict=True))
    kept_apart = dataset.validation.sessions | dataset.calibration.sessions | dataset.test.sessions
    beside = {
        name: lineage
        for name, lineage in lineage_by_name.items()
        if name not in split_of and first_rows[name].session not in kept_apart
    }
    if config.others:
        others, other = auxiliary_labels(
            store.rows,
            beside,
            rank=config.rank,
            first_index=len(labels),
            under=config.under,
            without=config.without,
        )
        heard = {*labelled, *others.recordings}
        learned = Taxonomy.from_lineages(
            lineage_by_name[name] for name in recordings if name in heard
        )
        dataset = replace(dataset, others=others, auxiliary_labels=other, learned_taxonomy=learned)
        beside = {name: lineage for name, lineage in beside.items() if name not in heard}
    if not config.partly_named:
        return dataset
    partly_named = partial_labels_split(
        store.rows,
        beside,
        dataset.learned_labels,
        dataset.learned_taxonomy,
        under=config.under,
        without=config.without,
    )
    return replace(dataset, partly_named=partly_named)


def _pretrained(store: ImageStore, config: DatasetConfig) -> PretrainedBundle | None:
    """Read the bundle to begin with, if there is one, and see that it knows such images."""
    if not config.begin_with:
        return None
    pretrained = read_pretrained(Path(config.begin_with))
    pretrained.bundle.require_images(store.config, str(store.folder))
    return pretrained


def _divided(
    divide: Callable[[Sequence[str], Sequence[str]], Sequence[str]],
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


def _without_a_bird(
    first_rows: Mapping[str, IndexRow], split_of: Mapping[str, str]
) -> dict[str, str]:
    """Recordings that are known to hold no bird teach the background, but for those kept apart."""
    kept_apart = {first_rows[name].session for name, part in split_of.items() if part != "train"}
    return {
        name: "train"
        for name, row in first_rows.items()
        if not row.taxon and row.session not in kept_apart
    }


def _counted(
    labels: tuple[Label, ...],
    label_of: Mapping[str, int],
    split_of: Mapping[str, str],
    first_rows: Mapping[str, IndexRow],
) -> tuple[Label, ...]:
    """Count for each label what teaches it: a recording kept apart does not."""
    taught: list[list[str]] = [[] for _ in labels]
    for name, part in split_of.items():
        if part in ("train", "validation"):
            taught[label_of[name]].append(first_rows[name].session)
    return tuple(
        replace(label, n_recordings=len(sessions), n_sessions=len(set(sessions)))
        for label, sessions in zip(labels, taught, strict=True)
    )


def lineage_of(row: IndexRow) -> Lineage:
    """Return what an image's bird is, order to species."""
    return Lineage(
        order=row.order,
        family=row.family,
        genus=row.genus,
        species=f"{row.genus} {row.species}" if row.species else "",
        english_name=row.english_name if row.species else "",
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
