"""What a bundle may be measured on: recordings that what is measured did not learn from.

Those are of sessions that are not among the bundle's. A bundle that was trained in folds has
learned from all that there was, but carries what was said of each recording by a network that had
not; its method can be measured on these. And recordings of taxa that it has no label for tell what
becomes of a species that it does not know.
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
from birdsong.bundle.network import Network
from birdsong.errors import DatasetError
from birdsong.images.store import ImageStore
from birdsong.images.tables import IndexRow
from birdsong.learning.data.dataset_builder import lineage_of
from birdsong.learning.evaluation.inference import by_recording, predict_logits
from birdsong.learning.evaluation.scores import ScoredRecordings, score
from birdsong.taxa.labels import label_indices
from birdsong.taxa.lineage import Lineage
from birdsong.taxa.name_resolution import complete_lineage
from birdsong.taxa.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class UnknownTaxa:
    """Recordings of taxa that a bundle has no label for.

    Attributes
    ----------
    data : CalibrationData
        What its network says of them; each has the class index -1.
    lineages : tuple of Lineage
        What each is.
    """

    data: CalibrationData
    lineages: tuple[Lineage, ...]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Which recordings of a store a bundle may be measured on.

    Attributes
    ----------
    scored : ScoredRecordings
    data : CalibrationData
        What was said of the segments of the scored.
    unknown : UnknownTaxa or None
        None where the store holds none, or answers are narrowed to a list.
    unknown_taxa : Mapping of str to int
        How many recordings there are of each taxon that there is no label for.
    not_listed : Mapping of str to int
        How many there are of each label that answers are not narrowed to.
    listed : bool, shape (n_labels,), or None
        The labels that answers are narrowed to.
    n_learned : int
        Recordings of sessions that the bundle learned from; scored only where asked for.
    with_learned : bool
        Whether those are among the scored though the network heard them: figures that flatter.
    out_of_fold : bool
        Whether networks that were trained in folds speak in the place of the bundle's.
    """

    scored: ScoredRecordings
    data: CalibrationData
    unknown: UnknownTaxa | None
    unknown_taxa: Mapping[str, int]
    not_listed: Mapping[str, int]
    listed: BoolArray | None
    n_learned: int
    with_learned: bool
    out_of_fold: bool

    @property
    def n_unknown(self) -> int:
        """How many recordings are of taxa that there is no label for."""
        return sum(self.unknown_taxa.values())

    @property
    def narrowed_to(self) -> list[str] | None:
        """Taxa of the labels that answers are narrowed to."""
        if self.listed is None:
            return None
        labels = zip(self.scored.labels, self.listed, strict=True)
        return [label.taxon for label, is_listed in labels if is_listed]

    def left_out(self) -> dict[str, Any]:
        """Say in JSON values how many recordings were not measured, and of which taxa."""
        return {
            "recordings_learned_from": self.n_learned,
            "recordings_of_unknown_taxa": self.n_unknown,
            "recordings_outside_the_list": sum(self.not_listed.values()),
            "unknown_taxa": dict(sorted(self.unknown_taxa.items())),
            "taxa_outside_the_list": dict(sorted(self.not_listed.items())),
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
        Take the recordings of sessions that it learned from, too.
    out_of_fold : bool
        Take what the bundle carries of each recording that it learned from, said by a network that
        had not heard its session.
    only : set of str, optional
        Taxa of the labels that answers are narrowed to, and whose recordings are scored.
    n_threads : int

    Returns
    -------
    HeldOut

    Raises
    ------
    BundleError
        If the images were made in another way.
    DatasetError
        If no recording is left; or `out_of_fold` is asked of a bundle that was not trained in
        folds, or with other images than it was trained from.
    TaxonomyError
        If `only` is empty, or holds a taxon that is no label.
    """
    bundle.require_images(store.config, str(store.folder))
    first_rows = {row.recording: row for row in reversed(store.rows) if row.taxon}
    lineages = lineages_in(store, bundle.taxonomy)
    columns = label_indices(bundle.bird_labels, list(lineages.values()))
    listed = None if only is None else bundle.listed(only)
    named = {name: int(c) for name, c in zip(lineages, columns, strict=True)}
    known = {name: c for name, c in named.items() if c >= 0 and (listed is None or listed[c])}
    strangers = {name: -1 for name, c in named.items() if c < 0}
    not_listed = Counter(
        bundle.bird_labels[c].taxon for name, c in named.items() if c >= 0 and name not in known
    )
    learned = {name for name in known if first_rows[name].session in bundle.sessions}
    network = Network(bundle)

    def heard(asked: Mapping[str, int]) -> tuple[list[IndexRow], CalibrationData]:
        rows = by_recording([row for row in store.rows if row.recording in asked])
        return rows, predict_logits(network.logits, store, rows, asked, n_threads=n_threads)

    if out_of_fold:
        data = carried_out_of_fold(bundle)
        rows = _their_images(data, store)
        if listed is not None:
            data = data.of(np.flatnonzero(listed[data.y_true]))
            rows = [row for row in rows if row.recording in known]
    else:
        taken = known if with_learned else {n: c for n, c in known.items() if n not in learned}
        if not taken:
            raise DatasetError(
                f"{store.folder}: no recording is left to measure bundle '{bundle.name}' with: "
                f"{len(learned)} are of sessions that it learned from, "
                f"{len(strangers)} of taxa that it does not know"
                + (
                    f", {not_listed.total()} of birds outside the list"
                    if listed is not None
                    else ""
                )
            )
        rows, data = heard(taken)
    scored = score(
        data,
        bundle.bird_labels,
        bundle.taxonomy,
        background=bundle.has_background,
        calibration=bundle.calibration,
        listed=listed,
        rows=rows,
    )
    unknown = None
    if strangers and listed is None:
        _, said = heard(strangers)
        unknown = UnknownTaxa(said, tuple(lineages[name] for name in said.recordings))
    return HeldOut(
        scored,
        data,
        unknown,
        unknown_taxa=Counter(lineages[name].taxon for name in strangers),
        not_listed=not_listed,
        listed=listed,
        n_learned=len(learned),
        with_learned=with_learned,
        out_of_fold=out_of_fold,
    )


def lineages_in(store: ImageStore, taxonomy: Taxonomy) -> dict[str, Lineage]:
    """Say which bird each recording of a store is, by its name, in the words of a tree."""
    first_rows = {row.recording: row for row in reversed(store.rows) if row.taxon}
    return {name: complete_lineage(taxonomy, lineage_of(row)) for name, row in first_rows.items()}


def carried_out_of_fold(bundle: Bundle) -> CalibrationData:
    """What networks trained in folds said of all that a bundle learned from.

    Raises
    ------
    DatasetError
        If it was not trained in folds.
    """
    data = bundle.calibration_data
    if data is None or len(np.unique(data.folds)) < 2:
        raise DatasetError(
            f"bundle '{bundle.name}' was not trained in folds, so nothing was said of what it "
            "learned from by a network that had not heard it"
        )
    return data


def _their_images(data: CalibrationData, store: ImageStore) -> list[IndexRow]:
    """The images that the segments were cut as, in the order of the segments."""
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
