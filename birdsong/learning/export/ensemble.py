"""Combines several bundles into an ensemble, which is a bundle, too.

Networks of the same labels that were trained with different seeds make different mistakes, so that
the mean of their log probabilities is more accurate than the best of them [1]_. It takes the
inference time of all. Their out-of-fold logits are averaged in the same way to calibrate and
measure the ensemble, so that all bundles must have held out the same recordings, in any folds.

References
----------
.. [1] Hansen & Salamon (1990), Neural network ensembles, IEEE Transactions on Pattern Analysis and
   Machine Intelligence 12.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from birdsong.bundle.bundle import Bundle
from birdsong.bundle.bundle_files import BUNDLE_FILES, WEIGHTS, read_bundle, write_bundle
from birdsong.bundle.calibration_data import CalibrationData
from birdsong.csv_tables import write_table
from birdsong.errors import BundleError
from birdsong.images.tables import ATTRIBUTION, AttributionRow, known_attribution
from birdsong.learning.evaluation.calibration_fit import calibrate
from birdsong.learning.evaluation.out_of_fold import measure_out_of_fold
from birdsong.learning.evaluation.scores import measure_logits
from birdsong.learning.export.onnx_ensemble import ensemble_networks
from birdsong.overwrite import check_absent

MEMBERS = "members"
"""Key in the provenance of an ensemble: the provenance of each member."""


def ensemble_folders(
    folders: Sequence[Path], out: Path, provenance: Mapping[str, Any], *, replace: bool = False
) -> Bundle:
    """Write the ensemble of several bundles, with the attribution of their recordings.

    Parameters
    ----------
    folders : sequence of Path
    out : Path
        Folder of the ensemble; its name becomes the name of the bundle.
    provenance : Mapping
        As in `ensemble_bundles`.
    replace : bool
        Whether files of a bundle in `out` may be overwritten.

    Returns
    -------
    Bundle

    Raises
    ------
    BundleError
        As in `read_bundle` and `ensemble_bundles`; or if `out` cannot be written.
    OverwriteError
        If `out` holds a bundle, or a file with the name of a file of a bundle.
    """
    check_absent([out / name for name in (*BUNDLE_FILES, ATTRIBUTION)], replace=replace)
    bundles = [read_bundle(folder) for folder in folders]
    credits = [known_attribution(folder) for folder in folders]
    rows = list(dict.fromkeys(row for each in credits for row in each))
    ensemble = ensemble_bundles(bundles, out.resolve().name, provenance)
    if all(credits):
        n_recordings = len({row.recording for row in rows})
        learned_from = {"recordings": n_recordings, "sessions": len(ensemble.sessions)}
        ensemble = dataclasses.replace(
            ensemble, provenance={**ensemble.provenance, "learned_from": learned_from}
        )
    weights = folders[0] / WEIGHTS
    write_bundle(ensemble, out, weights=weights if weights.exists() else None)
    if rows:
        write_table(out / ATTRIBUTION, AttributionRow, rows)
    return ensemble


def ensemble_bundles(bundles: Sequence[Bundle], name: str, provenance: Mapping[str, Any]) -> Bundle:
    """Build the ensemble of several bundles.

    Parameters
    ----------
    bundles : sequence of Bundle, length 2 or more
        With the same labels and image settings, and out-of-fold logits of the same recordings. The
        ensemble keeps the config of the first, for trainings that are pretrained on it.
    name : str
    provenance : Mapping
        Provenance of the ensemble; without a ``licence`` it gets that of the bundles, if all have
        the same.

    Returns
    -------
    Bundle
        Calibrated.

    Raises
    ------
    BundleError
        If there are fewer than two bundles, their labels, images or held-out recordings differ, or
        their licences differ and `provenance` names none.
    """
    if len(bundles) < 2:
        raise BundleError(f"expected at least two bundles, got {len(bundles)}")
    first = bundles[0]
    for other in bundles[1:]:
        _require_compatible(first, other)
    data = average_logits(
        [_calibration_data(each) for each in bundles], [each.name for each in bundles]
    )
    ensemble = dataclasses.replace(
        first,
        name=name,
        model_onnx=ensemble_networks([each.model_onnx for each in bundles]),
        sessions=frozenset().union(*(each.sessions for each in bundles)),
        calibration_data=data,
    )
    config = first.provenance.get("config", {})
    measured = measure_out_of_fold(
        data,
        [
            measure_logits(data.of(np.flatnonzero(data.folds == k)), ensemble.label_space)
            for k in np.unique(data.folds)
        ],
        ensemble.label_space,
        segment_s=first.spectrogram.segment_s,
        seed=int(config.get("seed", 0)),
    )
    from_first = {
        key: first.provenance[key] for key in ("config", "folds") if key in first.provenance
    }
    provenance_of_ensemble = {
        **from_first,
        **provenance,
        "licence": provenance.get("licence") or _licence(bundles),
        "metrics": {"rank": first.bird_labels[0].rank, **measured},
        MEMBERS: [_member_provenance(each) for each in bundles],
    }
    return calibrate(dataclasses.replace(ensemble, provenance=provenance_of_ensemble))


def network_provenances(bundle: Bundle) -> list[Mapping[str, Any]]:
    """Provenance of each network of a bundle; only ensembles have several."""
    members: list[Mapping[str, Any]] = bundle.provenance.get(MEMBERS) or [
        _member_provenance(bundle)
    ]
    return members


def _require_compatible(first: Bundle, other: Bundle) -> None:
    """Check that two bundles have the same labels, taxonomy and images."""
    other.require_images(first.spectrogram, f"bundle '{first.name}'")
    taxa, other_taxa = ([(each.rank, each.taxon) for each in b.labels] for b in (first, other))
    if taxa != other_taxa:
        differing = sorted({taxon for _, taxon in {*taxa} ^ {*other_taxa}})
        what = f"as {differing[0]!r}, which one of them lacks" if differing else "in their order"
        raise BundleError(
            f"bundles '{first.name}' and '{other.name}' have different labels, {what}; "
            "combine bundles that were trained on the same ones"
        )
    if first.taxonomy.to_rows() != other.taxonomy.to_rows():
        raise BundleError(
            f"bundles '{first.name}' and '{other.name}' have different trees above their labels; "
            "preprocess both with one --taxonomy"
        )


def _calibration_data(bundle: Bundle) -> CalibrationData:
    if bundle.calibration_data is None:
        raise BundleError(
            f"bundle '{bundle.name}' holds no out-of-fold logits to calibrate the ensemble "
            "with; train it with --folds"
        )
    return bundle.calibration_data


def average_logits(data: Sequence[CalibrationData], names: Sequence[str]) -> CalibrationData:
    """Average the log probabilities of networks for the same segments.

    Parameters
    ----------
    data : sequence of CalibrationData
    names : sequence of str
        Name of the bundle of each, for error messages.

    Returns
    -------
    CalibrationData
        Its logits are means of log probabilities. Recordings are in the order of the first item.

    Raises
    ------
    BundleError
        If the segments differ.
    """
    from scipy.special import log_softmax

    first = data[0]
    logs = [log_softmax(first.logits, axis=1)]
    for other, name in zip(data[1:], names[1:], strict=True):
        index_of = {key: i for i, key in enumerate(_keys(other))}
        if index_of.keys() == set(_keys(first)):
            own = other.of(np.array([index_of[key] for key in _keys(first)]))
            if _same_segments(first, own):
                logs.append(log_softmax(own.logits, axis=1))
                continue
        raise BundleError(
            f"bundles '{names[0]}' and '{name}' held out different recordings or segments of them; "
            "train both with --folds, from the same images"
        )
    return dataclasses.replace(first, logits=np.mean(logs, axis=0, dtype=np.float32))


def _keys(data: CalibrationData) -> list[tuple[str, str]]:
    return list(zip(data.recordings, data.sessions, strict=True))


def _same_segments(first: CalibrationData, other: CalibrationData) -> bool:
    return all(
        np.array_equal(getattr(first, name), getattr(other, name))
        for name in ("offsets", "starts_s", "y_true")
    )


def _licence(bundles: Sequence[Bundle]) -> str:
    licences = {each.licence for each in bundles}
    if len(licences) > 1:
        named = ", ".join(sorted(each or "none" for each in licences))
        raise BundleError(
            f"the bundles have different licences, {named}; name the ensemble's with --licence"
        )
    return licences.pop()


def _member_provenance(bundle: Bundle) -> dict[str, Any]:
    """Provenance of a member of an ensemble, without its metrics."""
    provenance = {key: value for key, value in bundle.provenance.items() if key != "metrics"}
    return {"name": bundle.name, "fingerprint": bundle.fingerprint, **provenance}
