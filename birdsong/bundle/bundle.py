"""A model with all that is needed to use it: its network, labels, images and calibration.

`bundle_files` reads and writes it. What an answer needs of it is here: its labels on their tree,
its pooled probabilities and its thresholds, calibrated where the bundle is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from birdsong.arrays import BoolArray, FloatArray
from birdsong.bundle.calibration import (
    Calibration,
    fit_promises_for_allowed,
    pool_recordings,
    pooling_of,
    temperatures_of,
)
from birdsong.bundle.calibration_data import CalibrationData
from birdsong.bundle.pooling import PooledProbabilities, Probabilities, pool
from birdsong.errors import BundleError
from birdsong.selective.promises import Promises
from birdsong.sound.spectrogram import SpectrogramConfig
from birdsong.taxa.label_space import LabelSpace
from birdsong.taxa.label_tree import LabelTree
from birdsong.taxa.labels import Label
from birdsong.taxa.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A model, what its columns mean, and how its logits become probabilities.

    Attributes
    ----------
    name : str
    labels : tuple of Label
        What the columns of the logits mean; `BACKGROUND`, where there is one, comes last.
    taxonomy : Taxonomy
        The tree that the labels hang on.
    spectrogram : SpectrogramConfig
        Settings of its images.
    filters : float32, shape (n_mels, n_fft // 2 + 1)
        The mel filters of those images.
    step_s : float
        Seconds from one segment of a long song to the next, as in its training images.
    model_onnx : bytes
        The network.
    sessions : frozenset of str
        The sessions that it learned from, those of the calibration included.
    calibration : Calibration or None
        Pooling rule, temperatures and thresholds; without it, defaults pool the segments, and a
        promise is the probability that an answer needs.
    calibration_data : CalibrationData or None
        Logits and true labels of recordings that it was not trained on.
    provenance : Mapping
        Commands, seed, versions, counts.
    folder : Path or None
        Where `read_bundle` read it from; None if it was made or changed in memory.
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
    def label_space(self) -> LabelSpace:
        """What the columns of the logits mean."""
        return LabelSpace(self.labels, self.taxonomy)

    @property
    def has_background(self) -> bool:
        """Whether the last column of the logits is the background class."""
        return self.label_space.has_background

    @property
    def bird_labels(self) -> tuple[Label, ...]:
        """The labels without the background."""
        return self.label_space.bird_labels

    @property
    def licence(self) -> str:
        """Its licence; empty if it has none."""
        return str(self.provenance.get("licence") or "")

    @property
    def fingerprint(self) -> str:
        """Hash of the network, its labels and its calibration: which model gave an answer."""
        described = json.dumps([asdict(label) for label in self.labels], sort_keys=True)
        if self.calibration is not None:
            described += json.dumps(self.calibration.to_dict(), sort_keys=True)
        return hashlib.sha256(described.encode() + self.model_onnx).hexdigest()[:16]

    def allowed_mask(self, taxa: Set[str]) -> BoolArray:
        """Return which labels may be the answer if answers are limited to some taxa.

        Parameters
        ----------
        taxa : set of str
            Taxa of labels.

        Returns
        -------
        bool, shape (n_labels,)
            Without the background.

        Raises
        ------
        TaxonomyError
            If `taxa` is empty, or one of them is no label.
        """
        return self.label_space.allowed_mask(taxa, owner=f"bundle '{self.name}'")

    def label_tree(self, allowed_mask: BoolArray | None = None) -> LabelTree:
        """Put the bird labels on their tree, with the temperatures of the calibration.

        Parameters
        ----------
        allowed_mask : bool, shape (n_labels,), optional
            The labels that may be the answer, as from `Bundle.allowed_mask`; all by default.
        """
        temperatures = temperatures_of(self.calibration)
        return self.label_space.tree(temperatures=temperatures, allowed_mask=allowed_mask)

    def promises(self, allowed_mask: BoolArray | None = None) -> Promises | None:
        """Thresholds of the answers.

        Parameters
        ----------
        allowed_mask : bool, shape (n_labels,), optional
            The labels that may be the answer: thresholds are fitted to the recordings of these
            among those that calibrate the bundle.

        Returns
        -------
        Promises or None
            None where the bundle is not calibrated.
        """
        if self.calibration is None:
            return None
        if allowed_mask is None or self.calibration_data is None:
            return self.calibration.promises
        return fit_promises_for_allowed(
            self.calibration_data,
            self.label_tree(allowed_mask),
            has_background=self.has_background,
            rule=self.calibration.pooling,
        )

    def pool(
        self,
        logits: npt.NDArray[np.floating],
        *,
        signal_level_db: npt.NDArray[np.floating] | None = None,
        silent: BoolArray | None = None,
    ) -> PooledProbabilities:
        """Pool the segments of one recording by the bundle's rule.

        Parameters
        ----------
        logits : float, shape (n_segments, n_columns)
        signal_level_db, silent
            As in `pooling.pool`.

        Returns
        -------
        PooledProbabilities

        Raises
        ------
        ValueError
            If there is no segment.
        """
        return pool(
            logits,
            has_background=self.has_background,
            signal_level_db=signal_level_db,
            silent=silent,
            rule=pooling_of(self.calibration),
        )

    def pool_recordings(self, data: CalibrationData) -> tuple[Probabilities, Probabilities]:
        """Pool the segments of every recording by the bundle's rule.

        Parameters
        ----------
        data : CalibrationData

        Returns
        -------
        labels : float64, shape (n, n_labels)
            Probability of each label, given that the recording holds a bird.
        bird : float64, shape (n,)
            Probability that it holds one.
        """
        rule = pooling_of(self.calibration)
        return pool_recordings(data, has_background=self.has_background, rule=rule)

    def require_images(self, config: SpectrogramConfig, where: str) -> None:
        """Refuse images with other settings than the network's.

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
