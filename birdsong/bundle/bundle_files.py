"""A bundle on disk: one folder, whose files are checked whenever it is read.

=====================  ==========================================================================
``bundle.json``        format version, name, labels, tree, spectrogram config, grid step,
                       provenance, the size and hash of every other file, and a hash of all that
``model.onnx``         the network: ``uint8 (n, n_mels, n_frames, 1)`` to ``float32 (n, n_labels)``
``mel_filters.npy``    the mel filters, so that librosa is not needed
``weights.weights.h5`` Keras's weights, to continue training
``sessions.csv``       the sessions that the network was trained on
``calibration.npz``    logits of recordings that it was not trained on: optional
=====================  ==========================================================================

A bundle is data: reading one runs no code of it, and a file that was altered is refused.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from birdsong.atomic import write_atomically
from birdsong.bundle.bundle import Bundle
from birdsong.bundle.calibration import Calibration
from birdsong.bundle.calibration_data import (
    CALIBRATION_FILE,
    calibration_from_bytes,
    calibration_to_bytes,
)
from birdsong.bundle.seal import SEAL, checked, file_facts, is_sealed, sealed
from birdsong.errors import BundleError, TaxonomyError
from birdsong.sound.mel_filters import FILTERS_FILE, filters_from_bytes, filters_to_bytes
from birdsong.sound.spectrogram import SpectrogramConfig
from birdsong.taxa.labels import Label
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


def write_bundle(bundle: Bundle, folder: Path, *, weights: Path | None = None) -> None:
    """Write a bundle's folder, the description last: a folder without one is no bundle.

    Parameters
    ----------
    bundle : Bundle
    folder : Path
        Created where it does not exist; a bundle in it is replaced.
    weights : Path, optional
        Keras's weights, which are copied into it.

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
            "files": {name: file_facts(content) for name, content in contents.items()},
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
        # Nothing here reads the weights, but training from the bundle does.
        present = [MODEL, FILTERS_FILE, SESSIONS] + [
            n for n in (CALIBRATION_FILE, WEIGHTS) if n in files
        ]
        contents = {name: checked(folder, name, files) for name in present}
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
            f"{path}: expected format version 1 to {FORMAT_VERSION}, got {got!r}; train it again "
            "with this version of birdsong, or install the version that wrote it"
        )
    if (got > 2 or SEAL in description) and not is_sealed(content):
        raise BundleError(f"{path}: was altered since it was written; copy the bundle again")
    return description


def _check_parts(bundle: Bundle) -> None:
    """Check that the parts of a bundle fit each other."""
    space = bundle.label_space  # which checks the place of the background
    if bundle.calibration_data is not None and len(bundle.calibration_data):
        n_columns = bundle.calibration_data.logits.shape[1]
        if n_columns != space.n_columns:
            raise ValueError(f"calibration of {n_columns} labels for {space.n_columns}")
        if bundle.calibration_data.y_true.max() >= len(space.bird_labels):
            raise ValueError("a calibration recording is of the background")
    for label in space.bird_labels:
        taxon = space.taxonomy.path(label.taxon)[-1]
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
