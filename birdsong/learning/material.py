"""What a model learns from: the labels, the split by session, and the pictures of each part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from birdsong.errors import DatasetError
from birdsong.images.store import ImageStore
from birdsong.images.tables import IndexRow
from birdsong.learning.part import NOTHING, Part
from birdsong.learning.partly_named import partly_named_part
from birdsong.recordings.sessions import (
    PARTS,
    check_no_leak,
    folds_by_session,
    split_by_session,
)
from birdsong.taxa.labels import BACKGROUND, Label, label_indices, select_labels
from birdsong.taxa.lineage import Lineage
from birdsong.taxa.naming import completed
from birdsong.taxa.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialConfig:
    """Which recordings teach which labels.

    Attributes
    ----------
    rank : {"species", "genus", "family", "order"}
        Rank of the labels.
    under : tuple of str
        Taxa; only labels at or under one of them are learned. Empty for all.
    without : tuple of str
        Taxa; nothing is learned from recordings at or under one of them.
    min_recordings : int
        Labels with fewer recordings are left out.
    back_off : bool
        Whether recordings of a species that is left out teach its genus, or else its family.
    partly_named : bool
        Whether recordings without a label, known to a taxon above some labels, teach that taxon.
    validation_share : float
        Share of the recordings that steer the training.
    calibration_share : float
        Share that tells, when the training is over, how far the network can be trusted.
    test_share : float
        Share that nothing looks at before all of that is done.
    background_share : float
        Background pictures to learn from, at most, for each picture of a bird.
    seed : int
        Draws the split.
    """

    rank: str = "species"
    under: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    min_recordings: int = 1
    back_off: bool = False
    partly_named: bool = False
    validation_share: float = 0.1
    calibration_share: float = 0.1
    test_share: float = 0.2
    background_share: float = 0.1
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Material:
    """Labels, their tree, and the parts of the split.

    Attributes
    ----------
    labels : tuple of Label
        Each with the recordings and sessions of the training and validation parts.
        `BACKGROUND` comes last where there are background pictures to learn from.
    taxonomy : Taxonomy
    class_index_of : Mapping
        The class index of every recording, whatever its pictures show.
    train, validation, calibration, test : Part
    partly_named : Part
        Pictures of birds, to learn from, of which no more than a taxon above the labels is known;
        its ``label_indices`` are columns past the labels' (`LabelLevels.first_columns`). None of
        its sessions is in a part kept apart.
    """

    labels: tuple[Label, ...]
    taxonomy: Taxonomy
    class_index_of: Mapping[str, int]
    train: Part
    validation: Part
    calibration: Part
    test: Part
    partly_named: Part = NOTHING

    @property
    def has_background(self) -> bool:
        """Whether there is background to learn from."""
        return BACKGROUND in self.labels

    @property
    def bird_labels(self) -> tuple[Label, ...]:
        """The labels without the background."""
        return tuple(label for label in self.labels if label != BACKGROUND)

    @property
    def known_sessions(self) -> frozenset[str]:
        """The sessions that a bundle is made from; it can be measured on all others."""
        parts = (self.train, self.partly_named, self.validation, self.calibration)
        return frozenset().union(*(part.sessions for part in parts))

    def learned_from(self) -> dict[str, int]:
        """Count the recordings, sessions and pictures that training and its steering look at."""
        rows = [*self.train.rows, *self.partly_named.rows, *self.validation.rows]
        return {
            "recordings": len({row.recording for row in rows}),
            "sessions": len({row.session for row in rows}),
            "pictures": len(rows),
        }


def gather(store: ImageStore, config: MaterialConfig) -> Material:
    """Choose the labels and split the recordings by session.

    Parameters
    ----------
    store : ImageStore
    config : MaterialConfig

    Returns
    -------
    Material

    Raises
    ------
    DatasetError
        If fewer than two labels are left to tell apart.
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

    return _gather(store, config, divide)


def gather_fold(store: ImageStore, config: MaterialConfig, n_folds: int, fold: int) -> Material:
    """Choose the labels, hold one fold of the recordings out as test and train on all others.

    A label with one session is trained on in every fold and never held out.

    Parameters
    ----------
    store : ImageStore
    config : MaterialConfig
        Its shares do not count.
    n_folds : int
        2 or more.
    fold : int
        From 0.

    Returns
    -------
    Material

    Raises
    ------
    DatasetError
        As `gather` does; or if there are too few sessions for so many folds.
    TaxonomyError
        As `gather` does.
    """

    def divide(sessions: Sequence[str], labels: Sequence[str]) -> Sequence[str]:
        folds = folds_by_session(sessions, labels, n_folds=n_folds, seed=config.seed)
        return ["test" if of == fold else "train" for of in folds]

    return _gather(store, config, divide)


def _gather(
    store: ImageStore,
    config: MaterialConfig,
    divide: Callable[[Sequence[str], Sequence[str]], Sequence[str]],
) -> Material:
    """Choose the labels; `divide` tells the part of each recording from its session and label."""
    first_rows = {row.recording: row for row in reversed(store.rows)}
    recordings = sorted(first_rows)
    lineages = [lineage_of(first_rows[name]) for name in recordings]
    tree = Taxonomy.from_lineages(lineages, (f"recording {name}" for name in recordings))
    lineages = [completed(tree, lineage) for lineage in lineages]
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
    divided = divide(sessions, [str(label_of[name]) for name in labelled])
    check_no_leak(sessions, divided)
    part_of = dict(zip(labelled, divided, strict=True))
    taxonomy = Taxonomy.from_lineages(
        [lineage for lineage, name in zip(lineages, recordings, strict=True) if name in part_of]
    )
    labels = _counted(labels, label_of, part_of, first_rows)
    rows = _pictures(store.rows, part_of, config)
    if any(row.kind == "background" for row in rows):
        labels = (*labels, BACKGROUND)
    parts = []
    for part in PARTS:
        chosen = tuple(row for row in rows if part_of[row.recording] == part)
        classes = [
            len(labels) - 1 if row.kind == "background" else label_of[row.recording]
            for row in chosen
        ]
        parts.append(Part(chosen, np.array(classes, np.int64)))
    class_index_of = {name: int(label_of[name]) for name in labelled}
    material = Material(labels, taxonomy, class_index_of, *parts)
    if not config.partly_named:
        return material
    unlabelled = {
        name: lineage
        for name, lineage in zip(recordings, lineages, strict=True)
        if name not in part_of
    }
    partly_named = partly_named_part(
        store.rows,
        unlabelled,
        labels,
        taxonomy,
        kept_apart=material.validation.sessions
        | material.calibration.sessions
        | material.test.sessions,
        under=config.under,
        without=config.without,
    )
    return replace(material, partly_named=partly_named)


def _counted(
    labels: tuple[Label, ...],
    label_of: Mapping[str, int],
    part_of: Mapping[str, str],
    first_rows: Mapping[str, IndexRow],
) -> tuple[Label, ...]:
    """Count for each label what teaches it: a recording kept apart does not."""
    taught: list[list[str]] = [[] for _ in labels]
    for name, part in part_of.items():
        if part in ("train", "validation"):
            taught[label_of[name]].append(first_rows[name].session)
    return tuple(
        replace(label, n_recordings=len(sessions), n_sessions=len(set(sessions)))
        for label, sessions in zip(labels, taught, strict=True)
    )


def lineage_of(row: IndexRow) -> Lineage:
    """Return what a picture's bird is, order to species."""
    return Lineage(
        order=row.order,
        family=row.family,
        genus=row.genus,
        species=f"{row.genus} {row.species}" if row.species else "",
        english_name=row.english_name if row.species else "",
    )


def _pictures(
    rows: Sequence[IndexRow], part_of: dict[str, str], config: MaterialConfig
) -> list[IndexRow]:
    """Keep the pictures of the chosen recordings, of the training background only a share."""
    rows = [row for row in rows if row.recording in part_of]

    def teaches_background(row: IndexRow) -> bool:
        return row.kind == "background" and part_of[row.recording] == "train"

    n_birds = sum(row.kind == "bird" and part_of[row.recording] == "train" for row in rows)
    backgrounds = [i for i, row in enumerate(rows) if teaches_background(row)]
    n_kept = min(len(backgrounds), round(config.background_share * n_birds))
    generator = np.random.default_rng(config.seed)
    kept = set(generator.choice(backgrounds, n_kept, replace=False) if n_kept else [])
    return [row for i, row in enumerate(rows) if i in kept or not teaches_background(row)]
