"""One folder with a model and all that is needed to use it.

=====================  ==========================================================================
``bundle.json``        format version, name, labels, tree, spectrogram config, grid step, where it
                       came from, the size and hash of every other file, and a hash of all that
``model.onnx``         the network: ``uint8 (n, 64, 200, 1)`` in, ``float32 (n, n_labels)`` out
``mel_filters.npy``    the mel filters, so that nobody needs librosa
``weights.weights.h5`` Keras's weights, to train on from
``sessions.csv``       the sessions that the network learned from
``calibration.npz``    what the network said of recordings that it had not learned from: optional
=====================  ==========================================================================

A bundle is data: reading one runs no code of it, and a file that was altered is refused.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from birdsong.arrays import BoolArray, FloatArray
from birdsong.atomic import write_atomically
from birdsong.bundle.calibration import Calibration
from birdsong.bundle.calibration_data import (
    CALIBRATION_FILE,
    CalibrationData,
    calibration_from_bytes,
    calibration_to_bytes,
)
from birdsong.bundle.seal import SEAL, checked, facts_of, is_sealed, sealed
from birdsong.errors import BundleError, TaxonomyError
from birdsong.sound.filters import FILTERS_FILE, filters_from_bytes, filters_to_bytes
from birdsong.sound.spectrogram import SpectrogramConfig
from birdsong.taxa.labels import BACKGROUND, Label
from birdsong.taxa.taxonomy import Taxonomy

DEFAULT_BUNDLE = Path(__file__).parents[1] / "bundles" / "default"
"""The bundle that ships with birdsong."""

FORMAT_VERSION = 3
READABLE_VERSIONS = (1, 2, 3)  # version 1 had no calibration, version 2 no seal
DESCRIPTION = "bundle.json"
MODEL = "model.onnx"
WEIGHTS = "weights.weights.h5"
SESSIONS = "sessions.csv"
BUNDLE_FILES = (DESCRIPTION, MODEL, FILTERS_FILE, SESSIONS, CALIBRATION_FILE, WEIGHTS)
"""All that `write_bundle` may write."""
MODEL_CARD = "MODEL_CARD.md"  # for people; no part of the model


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A model with its words and its measures.

    Attributes
    ----------
    name : str
    labels : tuple of Label
        What the columns of the logits mean; `BACKGROUND`, where there is one, comes last.
    taxonomy : Taxonomy
        The tree that the labels hang on.
    spectrogram : SpectrogramConfig
        How its images are made.
    filters : float32, shape (64, n_fft // 2 + 1)
        The mel filters of those images.
    step_s : float
        Seconds from one segment of a long song to the next, as in the images that it learned.
    model_onnx : bytes
        The network.
    sessions : frozenset of str
        The sessions that it learned from, those of the calibration included.
    calibration : Calibration or None
        What makes its logits honest; None where promises can only be kept by probability.
    calibration_data : CalibrationData or None
        What it said of recordings that it had not learned from, and what they are.
    provenance : Mapping
        Commands, seed, versions, counts.
    folder : Path or None
        Where `read_bundle` found it; None where it was made or changed in memory.
    """

    name: str
    labels: tuple[Label, ...]
    taxonomy: Taxonomy
    spectrogram: SpectrogramConfig
    filters: FloatArray
    step_s: float
    model_onnx: bytes
    sessions: frozenset[str]
    provenance: Mapping[str, Any]
    calibration: Calibration | None = None
    calibration_data: CalibrationData | None = None
    folder: Path | None = field(init=False, default=None, compare=False)

    @property
    def has_background(self) -> bool:
        """Whether the last column of the logits is the background class."""
        return self.labels[-1:] == (BACKGROUND,)

    @property
    def bird_labels(self) -> tuple[Label, ...]:
        """The labels without the background."""
        return self.labels[:-1] if self.has_background else self.labels

    @property
    def licence(self) -> str:
        """What it may be used for, empty where it has none."""
        return str(self.provenance.get("licence") or "")

    @property
    def fingerprint(self) -> str:
        """Hash of the network, its labels and its calibration: which model gave an answer."""
        told = [asdict(label) for label in self.labels]
        described = json.dumps(told, sort_keys=True)
        if self.calibration is not None:
            described += json.dumps(self.calibration.to_dict(), sort_keys=True)
        return hashlib.sha256(described.encode() + self.model_onnx).hexdigest()[:16]

    def listed(self, only: Set[str]) -> BoolArray:
        """Tell which labels are among the taxa that answers are narrowed to.

        Parameters
        ----------
        only : set of str
            Taxa of labels.

        Returns
        -------
        bool, shape (n_labels,)

        Raises
        ------
        TaxonomyError
            If there is none, or one is no label.
        """
        if not only:
            raise TaxonomyError("the list of species is empty; expected one label at least")
        names = {self.taxonomy.taxon(name).name for name in only}
        labels = [self.taxonomy.taxon(label.taxon).name for label in self.bird_labels]
        if others := names.difference(labels):
            raise TaxonomyError(
                f"{min(others)!r} is on the list, but is no label of bundle '{self.name}'"
            )
        return np.array([label in names for label in labels])

    def require_images(self, config: SpectrogramConfig, where: str) -> None:
        """Refuse images that were made in another way than the network's.

        Raises
        ------
        BundleError
            If the fingerprints differ.
        """
        if config.fingerprint() != self.spectrogram.fingerprint():
            raise BundleError(
                f"{where}: its images have fingerprint {config.fingerprint()}, but bundle "
                f"'{self.name}' learned from {self.spectrogram.fingerprint()}; preprocess with "
                "the same settings, or train a bundle on these"
            )


def write_bundle(bundle: Bundle, folder: Path, *, weights: Path | None = None) -> None:
    """Write a bundle's folder, its description last: without it nothing passes for a bundle.

    Parameters
    ----------
    bundle : Bundle
    folder : Path
        Made if need be; a bundle in it is replaced.
    weights : Path, optional
        Keras's weights, to be kept in it.

    Raises
    ------
    BundleError
        If the folder cannot be written.
    """
    contents = {
        MODEL: bundle.model_onnx,
        FILTERS_FILE: filters_to_bytes(bundle.filters),
        SESSIONS: _session_bytes(bundle.sessions),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / DESCRIPTION).unlink(missing_ok=True)
        if bundle.calibration_data is not None:
            contents[CALIBRATION_FILE] = calibration_to_bytes(bundle.calibration_data)
        if weights is not None:
            contents[WEIGHTS] = weights.read_bytes()
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        description = {
            "format_version": FORMAT_VERSION,
            "name": bundle.name,
            "fingerprint": bundle.fingerprint,
            "labels": [asdict(label) for label in bundle.labels],
            "taxonomy": bundle.taxonomy.to_rows(),
            "spectrogram": bundle.spectrogram.to_dict(),
            "step_s": bundle.step_s,
            "calibration": bundle.calibration.to_dict() if bundle.calibration else None,
            "provenance": dict(bundle.provenance),
            "files": {name: facts_of(content) for name, content in contents.items()},
        }
        write_atomically(folder / DESCRIPTION, sealed(description))
    except OSError as error:
        raise BundleError(f"{folder}: the bundle cannot be written ({error})") from error


def read_bundle(folder: str | Path) -> Bundle:
    """Read a bundle, and check every file of it.

    Raises
    ------
    BundleError
        If the folder is no bundle, is of another format version, lacks a file, or holds one that
        was altered or does not fit the others.
    """
    folder = Path(folder)
    description = _read_description(folder)
    try:
        files = dict(description["files"])
        # Nothing here reads the weights, but whoever trains on will.
        there = [MODEL, FILTERS_FILE, SESSIONS] + [
            n for n in (CALIBRATION_FILE, WEIGHTS) if n in files
        ]
        contents = {name: checked(folder, name, files) for name in there}
        labels = tuple(Label(**label) for label in description["labels"])
        spectrogram = SpectrogramConfig.from_dict(description["spectrogram"])
        bundle = Bundle(
            name=str(description["name"]),
            labels=labels,
            taxonomy=Taxonomy.from_rows(description["taxonomy"]),
            spectrogram=spectrogram,
            filters=filters_from_bytes(contents[FILTERS_FILE], spectrogram),
            step_s=float(description["step_s"]),
            model_onnx=contents[MODEL],
            sessions=_sessions(contents[SESSIONS]),
            provenance=dict(description["provenance"]),
            calibration=(
                Calibration.from_dict(fitted)
                if (fitted := description.get("calibration"))
                else None
            ),
            calibration_data=(
                calibration_from_bytes(contents[CALIBRATION_FILE])
                if CALIBRATION_FILE in contents
                else None
            ),
        )
        _check_parts(bundle)
        object.__setattr__(bundle, "folder", folder.absolute())  # only what is read has one
    except KeyError as error:
        raise BundleError(f"{folder / DESCRIPTION}: lacks the field {error}") from error
    except (TypeError, ValueError, AttributeError, TaxonomyError) as error:
        raise BundleError(f"{folder}: the bundle is damaged ({error})") from error
    return bundle


def _read_description(folder: Path) -> Mapping[str, Any]:
    path = folder / DESCRIPTION
    try:
        content = path.read_bytes()
        description = json.loads(content)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleError(
            f"{folder}: is no bundle, it holds no {DESCRIPTION}; training writes one to RUN/bundle"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path}: cannot be read as JSON ({error})") from error
    got = description.get("format_version") if isinstance(description, dict) else None
    if not isinstance(description, dict) or got not in READABLE_VERSIONS:
        raise BundleError(
            f"{path}: expected format version 1 to {FORMAT_VERSION}, got {got!r}; train it anew "
            "with this version of birdsong, or install the version that wrote it"
        )
    if (got > 2 or SEAL in description) and not is_sealed(content):
        raise BundleError(
            f"{path}: is not as it was written: some of it was altered; copy the bundle anew"
        )
    return description


def _check_parts(bundle: Bundle) -> None:
    """Hold the parts of a bundle against each other."""
    if BACKGROUND in bundle.labels[:-1]:
        raise ValueError("the background must be the last label, and only one")
    if not bundle.bird_labels:
        raise ValueError("there is no label beside the background")
    if bundle.calibration_data is not None and len(bundle.calibration_data):
        n_columns = bundle.calibration_data.logits.shape[1]
        if n_columns != len(bundle.labels):
            raise ValueError(f"calibration of {n_columns} labels for {len(bundle.labels)}")
        if bundle.calibration_data.y_true.max() >= len(bundle.bird_labels):
            raise ValueError("a calibration recording is of the background")
    for label in bundle.bird_labels:
        taxon = bundle.taxonomy.path(label.taxon)[-1]
        if taxon.rank != label.rank:
            raise ValueError(f"label {label.taxon!r} is a {taxon.rank}, not a {label.rank}")


def _session_bytes(sessions: frozenset[str]) -> bytes:
    content = io.StringIO(newline="")
    writer = csv.writer(content, lineterminator="\n")
    writer.writerows([["session"], *([session] for session in sorted(sessions))])
    return content.getvalue().encode()


def _sessions(content: bytes) -> frozenset[str]:
    rows: Sequence[Sequence[str]] = list(csv.reader(io.StringIO(content.decode(), newline="")))
    if not rows or rows[0] != ["session"]:
        raise ValueError(f"{SESSIONS} must have one column, 'session'")
    return frozenset(row[0] for row in rows[1:])
