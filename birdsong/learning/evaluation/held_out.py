"""Scores a bundle on held-out recordings.

These are recordings whose sessions the bundle did not learn from. A bundle of a cross-validation
has learned from all recordings, but holds out-of-fold logits of each, which can be scored instead.
Recordings of taxa without a label show how the bundle answers about unknown species.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from birdsong.arrays import BoolArray
from birdsong.bundle.bundle import Bundle
from birdsong.bundle.calibration_data import CalibrationData
from birdsong.bundle.onnx_network import Network
from birdsong.errors import DatasetError
from birdsong.images.store import ImageStore
from birdsong.images.tables import IndexRow
from birdsong.learning.data.named_recordings import lineage_of
from birdsong.learning.evaluation.inference import by_recording, predict_logits
from birdsong.learning.evaluation.scores import ScoredRecordings, score
from birdsong.taxa.lineage import Lineage
from birdsong.taxa.name_resolution import complete_lineage
from birdsong.taxa.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class UnknownTaxa:
    """Recordings of taxa that a bundle has no label for.

    Attributes
    ----------
    data : CalibrationData
        Their logits; the class index of each recording is -1.
    lineages : tuple of Lineage
        True taxa of each recording.
    """

    data: CalibrationData
    lineages: tuple[Lineage, ...]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The recordings of a store that a bundle is scored on.

    Attributes
    ----------
    scored : ScoredRecordings
    data : CalibrationData
        Logits of the scored recordings.
    unknown : UnknownTaxa or None
        None if the store holds none, or answers are limited to a species list.
    unknown_taxa : Mapping of str to int
        Number of recordings of each taxon without a label.
    not_allowed : Mapping of str to int
        Number of recordings of each label that is not allowed as an answer.
    allowed_mask : bool, shape (n_labels,), or None
        Labels that are allowed as answers; None for all.
    n_from_training : int
        Number of recordings of training sessions.
    include_training : bool
        Whether those are scored, too: the metrics are then too good.
    out_of_fold : bool
        Whether the logits are out-of-fold logits, not those of the bundle's network.
    """

    scored: ScoredRecordings
    data: CalibrationData
    unknown: UnknownTaxa | None
    unknown_taxa: Mapping[str, int]
    not_allowed: Mapping[str, int]
    allowed_mask: BoolArray | None
    n_from_training: int
    include_training: bool
    out_of_fold: bool

    @property
    def n_unknown(self) -> int:
        """Number of recordings of taxa without a label."""
        return sum(self.unknown_taxa.values())

    @property
    def allowed_taxa(self) -> list[str] | None:
        """Taxa of the labels that are allowed as answers; None for all."""
        if self.allowed_mask is None:
            return None
        labels = zip(self.scored.labels, self.allowed_mask, strict=True)
        return [label.taxon for label, is_allowed in labels if is_allowed]

    def left_out(self) -> dict[str, Any]:
        """Count the recordings that were not scored, and their taxa, for JSON."""
        return {
            "recordings_learned_from": self.n_from_training,
            "recordings_of_unknown_taxa": self.n_unknown,
            "recordings_outside_the_list": sum(self.not_allowed.values()),
            "unknown_taxa": dict(sorted(self.unknown_taxa.items())),
            "taxa_outside_the_list": dict(sorted(self.not_allowed.items())),
        }


def score_bundle(
    bundle: Bundle,
    store: ImageStore,
    *,
    include_training: bool = False,
    out_of_fold: bool = False,
    allowed_taxa: Set[str] | None = None,
    n_threads: int = 2,
) -> HeldOut:
    """Score a bundle on the recordings of a store that it did not learn from.

    Parameters
    ----------
    bundle : Bundle
    store : ImageStore
        Its images must have the settings of the bundle.
    include_training : bool
        Score recordings of training sessions, too.
    out_of_fold : bool
        Score the out-of-fold logits that the bundle holds instead.
    allowed_taxa : set of str, optional
        Taxa of the labels that are allowed as answers; only their recordings are scored.
    n_threads : int

    Returns
    -------
    HeldOut

    Raises
    ------
    BundleError
        If the images were made with other settings.
    DatasetError
        If no recording is left; or with `out_of_fold`, if the bundle is not from a
        cross-validation, or was trained on other images.
    TaxonomyError
        If `allowed_taxa` is empty, or holds a taxon without a label.
    """
    bundle.require_images(store.config, str(store.folder))
    first_rows = {row.recording: row for row in reversed(store.rows) if row.taxon}
    lineages = lineages_in(store, bundle.taxonomy)
    columns = bundle.label_space.class_indices(list(lineages.values()))
    allowed_mask = None if allowed_taxa is None else bundle.allowed_mask(allowed_taxa)
    named = {name: int(c) for name, c in zip(lineages, columns, strict=True)}
    labelled = {name: c for name, c in named.items() if c >= 0}
    unlabelled = {name: -1 for name, c in named.items() if c < 0}
    known = {name: c for name, c in labelled.items() if allowed_mask is None or allowed_mask[c]}
    not_allowed = Counter(
        bundle.bird_labels[c].taxon for name, c in labelled.items() if name not in known
    )
    learned = {name for name in known if first_rows[name].session in bundle.sessions}
    network = Network(bundle)

    def predict(class_index_of: Mapping[str, int]) -> tuple[list[IndexRow], CalibrationData]:
        rows = by_recording([row for row in store.rows if row.recording in class_index_of])
        data = predict_logits(network.logits, store, rows, class_index_of, n_threads=n_threads)
        return rows, data

    if out_of_fold:
        rows, data = _out_of_fold(bundle, store, allowed_mask)
    else:
        chosen = known if include_training else {n: c for n, c in known.items() if n not in learned}
        if not chosen:
            outside = f", {not_allowed.total()} of birds outside the list" if allowed_taxa else ""
            raise DatasetError(
                f"{store.folder}: no recording is left to score bundle '{bundle.name}' on: "
                f"{len(learned)} are of sessions that it learned from, "
                f"{len(unlabelled)} of taxa that it does not know{outside}"
            )
        rows, data = predict(chosen)
    space, calibration = bundle.label_space, bundle.calibration
    scored = score(data, space, calibration=calibration, allowed_mask=allowed_mask, rows=rows)
    unknown = None
    if unlabelled and allowed_mask is None:
        _, unknown_data = predict(unlabelled)
        true_lineages = tuple(lineages[name] for name in unknown_data.recordings)
        unknown = UnknownTaxa(unknown_data, true_lineages)
    return HeldOut(
        scored,
        data,
        unknown,
        unknown_taxa=Counter(lineages[name].taxon for name in unlabelled),
        not_allowed=not_allowed,
        allowed_mask=allowed_mask,
        n_from_training=len(learned),
        include_training=include_training,
        out_of_fold=out_of_fold,
    )


def _out_of_fold(
    bundle: Bundle, store: ImageStore, allowed_mask: BoolArray | None
) -> tuple[list[IndexRow], CalibrationData]:
    """Images and logits of the recordings that the networks of the folds held out."""
    data = out_of_fold_logits(bundle)
    rows = _segment_images(data, store)
    if allowed_mask is not None:
        data = data.of(np.flatnonzero(allowed_mask[data.y_true]))
        kept = set(data.recordings)
        rows = [row for row in rows if row.recording in kept]
    return rows, data


def lineages_in(store: ImageStore, taxonomy: Taxonomy) -> dict[str, Lineage]:
    """Lineage of each recording of a store, by its name, with the taxon names of a taxonomy."""
    first_rows = {row.recording: row for row in reversed(store.rows) if row.taxon}
    return {name: complete_lineage(taxonomy, lineage_of(row)) for name, row in first_rows.items()}


def out_of_fold_logits(bundle: Bundle) -> CalibrationData:
    """Out-of-fold logits that a bundle of a cross-validation holds.

    Raises
    ------
    DatasetError
        If the bundle is not from a cross-validation.
    """
    data = bundle.calibration_data
    if data is None or len(np.unique(data.folds)) < 2:
        raise DatasetError(
            f"bundle '{bundle.name}' was not trained in folds and holds no out-of-fold "
            "logits; train it with --folds"
        )
    return data


def _segment_images(data: CalibrationData, store: ImageStore) -> list[IndexRow]:
    """The image of each segment, in order."""
    row_of = {(row.recording, np.float32(row.start_s)): row for row in store.rows}
    keys = [
        (name, start_s)
        for name, own in zip(data.recordings, data.segments, strict=True)
        for start_s in data.starts_s[own]
    ]
    try:
        return [row_of[key] for key in keys]
    except KeyError as missing:
        name, start_s = missing.args[0]
        raise DatasetError(
            f"{store.folder}: holds no image of {name} at {start_s:.3f} s, which the bundle was "
            "trained with; name the folder that it was trained from"
        ) from missing
