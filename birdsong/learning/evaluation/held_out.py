"""Held-out recordings: those that a bundle can be measured on.

Their sessions are not among the bundle's. A bundle that was trained in folds has learned from all
recordings, but carries the logits of each by the network of the fold that held it out; the method
can be measured on these. Recordings of taxa without a label show what becomes of a species that the
bundle does not know.
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
        Their logits; each recording has the class index -1.
    lineages : tuple of Lineage
        The true taxa of each.
    """

    data: CalibrationData
    lineages: tuple[Lineage, ...]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The recordings of a store that a bundle is measured on.

    Attributes
    ----------
    scored : ScoredRecordings
    data : CalibrationData
        The logits of the scored.
    unknown : UnknownTaxa or None
        None where the store holds none, or answers are limited to a list.
    unknown_taxa : Mapping of str to int
        How many recordings there are of each taxon that there is no label for.
    not_allowed : Mapping of str to int
        How many there are of each label that may not be the answer.
    allowed_mask : bool, shape (n_labels,), or None
        The labels that may be the answer; None where all may.
    n_learned : int
        Recordings of sessions that the bundle learned from; scored only on request.
    with_learned : bool
        Whether those are among the scored: figures that flatter.
    out_of_fold : bool
        Whether the logits are of the networks of the folds, not of the bundle's.
    """

    scored: ScoredRecordings
    data: CalibrationData
    unknown: UnknownTaxa | None
    unknown_taxa: Mapping[str, int]
    not_allowed: Mapping[str, int]
    allowed_mask: BoolArray | None
    n_learned: int
    with_learned: bool
    out_of_fold: bool

    @property
    def n_unknown(self) -> int:
        """How many recordings are of taxa that there is no label for."""
        return sum(self.unknown_taxa.values())

    @property
    def allowed_taxa(self) -> list[str] | None:
        """Taxa of the labels that may be the answer; None where all may."""
        if self.allowed_mask is None:
            return None
        labels = zip(self.scored.labels, self.allowed_mask, strict=True)
        return [label.taxon for label, is_allowed in labels if is_allowed]

    def left_out(self) -> dict[str, Any]:
        """Count the recordings that were not measured, and their taxa, ready for JSON."""
        return {
            "recordings_learned_from": self.n_learned,
            "recordings_of_unknown_taxa": self.n_unknown,
            "recordings_outside_the_list": sum(self.not_allowed.values()),
            "unknown_taxa": dict(sorted(self.unknown_taxa.items())),
            "taxa_outside_the_list": dict(sorted(self.not_allowed.items())),
        }


def score_bundle(
    bundle: Bundle,
    store: ImageStore,
    *,
    with_learned: bool = False,
    out_of_fold: bool = False,
    only: Set[str] | None = None,
    n_threads: int = 2,
) -> HeldOut:
    """Measure a bundle on the recordings of a store that it did not learn from.

    Parameters
    ----------
    bundle : Bundle
    store : ImageStore
        Its images must be made as the bundle's were.
    with_learned : bool
        Score recordings of sessions that it learned from, too.
    out_of_fold : bool
        Score the logits that the bundle carries of each recording that it learned from, by the
        network of the fold that held out its session.
    only : set of str, optional
        Taxa of the labels that may be the answer, and whose recordings are scored.
    n_threads : int

    Returns
    -------
    HeldOut

    Raises
    ------
    BundleError
        If the images were made with other settings.
    DatasetError
        If no recording is left; or with `out_of_fold`, if the bundle was not trained in folds, or
        was trained from other images.
    TaxonomyError
        If `only` is empty, or holds a taxon that is no label.
    """
    bundle.require_images(store.config, str(store.folder))
    first_rows = {row.recording: row for row in reversed(store.rows) if row.taxon}
    lineages = lineages_in(store, bundle.taxonomy)
    columns = bundle.label_space.class_indices(list(lineages.values()))
    allowed_mask = None if only is None else bundle.allowed_mask(only)
    named = {name: int(c) for name, c in zip(lineages, columns, strict=True)}
    labelled = {name: c for name, c in named.items() if c >= 0}
    unlabelled = {name: -1 for name, c in named.items() if c < 0}
    known = {name: c for name, c in labelled.items() if allowed_mask is None or allowed_mask[c]}
    not_allowed = Counter(
        bundle.bird_labels[c].taxon for name, c in labelled.items() if name not in known
    )
    learned = {name for name in known if first_rows[name].session in bundle.sessions}
    network = Network(bundle)

    def predict(asked: Mapping[str, int]) -> tuple[list[IndexRow], CalibrationData]:
        rows = by_recording([row for row in store.rows if row.recording in asked])
        return rows, predict_logits(network.logits, store, rows, asked, n_threads=n_threads)

    if out_of_fold:
        rows, data = _out_of_fold(bundle, store, allowed_mask)
    else:
        asked = known if with_learned else {n: c for n, c in known.items() if n not in learned}
        if not asked:
            outside = f", {not_allowed.total()} of birds outside the list" if only else ""
            raise DatasetError(
                f"{store.folder}: no recording is left to measure bundle '{bundle.name}' with: "
                f"{len(learned)} are of sessions that it learned from, "
                f"{len(unlabelled)} of taxa that it does not know{outside}"
            )
        rows, data = predict(asked)
    scored = score(
        data,
        bundle.label_space,
        calibration=bundle.calibration,
        allowed_mask=allowed_mask,
        rows=rows,
    )
    unknown = None
    if unlabelled and allowed_mask is None:
        _, of_unknown = predict(unlabelled)
        unknown = UnknownTaxa(of_unknown, tuple(lineages[name] for name in of_unknown.recordings))
    return HeldOut(
        scored,
        data,
        unknown,
        unknown_taxa=Counter(lineages[name].taxon for name in unlabelled),
        not_allowed=not_allowed,
        allowed_mask=allowed_mask,
        n_learned=len(learned),
        with_learned=with_learned,
        out_of_fold=out_of_fold,
    )


def _out_of_fold(
    bundle: Bundle, store: ImageStore, allowed_mask: BoolArray | None
) -> tuple[list[IndexRow], CalibrationData]:
    """Images and logits of the recordings that the networks of the folds held out."""
    data = carried_out_of_fold(bundle)
    rows = _their_images(data, store)
    if allowed_mask is not None:
        data = data.of(np.flatnonzero(allowed_mask[data.y_true]))
        kept = set(data.recordings)
        rows = [row for row in rows if row.recording in kept]
    return rows, data


def lineages_in(store: ImageStore, taxonomy: Taxonomy) -> dict[str, Lineage]:
    """Lineage of each recording of a store, by its name, as a tree names the taxa."""
    first_rows = {row.recording: row for row in reversed(store.rows) if row.taxon}
    return {name: complete_lineage(taxonomy, lineage_of(row)) for name, row in first_rows.items()}


def carried_out_of_fold(bundle: Bundle) -> CalibrationData:
    """Logits of all that a bundle learned from, by the networks of the folds.

    Raises
    ------
    DatasetError
        If it was not trained in folds.
    """
    data = bundle.calibration_data
    if data is None or len(np.unique(data.folds)) < 2:
        raise DatasetError(
            f"bundle '{bundle.name}' was not trained in folds, so it carries no logits by "
            "networks that did not learn from the recordings; train it with --folds"
        )
    return data


def _their_images(data: CalibrationData, store: ImageStore) -> list[IndexRow]:
    """The images of the segments, in the order of the segments."""
    by_place = {(row.recording, np.float32(row.start_s)): row for row in store.rows}
    places = [
        (name, start_s)
        for name, own in zip(data.recordings, data.segments, strict=True)
        for start_s in data.starts_s[own]
    ]
    try:
        return [by_place[place] for place in places]
    except KeyError as missing:
        name, start_s = missing.args[0]
        raise DatasetError(
            f"{store.folder}: holds no image of {name} at {start_s:.3f} s, which the bundle was "
            "trained with; name the folder that it was trained from"
        ) from missing
