"""birdsong: from recordings of birds to an answer at the rank that the evidence supports.

The names in ``__all__`` are the public API. Each is loaded when it is first used, so that the
import itself takes no time.

Examples
--------
>>> import birdsong
>>> from birdsong.synthetic.synthesis import render_recording
>>> from birdsong.synthetic.species import SPECIES
>>> bird = render_recording(SPECIES[0], individual=0)
>>> classifier = birdsong.load_model()
>>> prediction = classifier.classify(bird.samples, sample_rate_hz=bird.sample_rate_hz)
>>> sorted(prediction.to_dict()["bundle"])
['fingerprint', 'name']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from birdsong.answers.classifier import Classifier
    from birdsong.answers.classify_config import ClassifyConfig
    from birdsong.answers.prediction import Detection, Prediction, SegmentAnswer
    from birdsong.bundle.bundle import Bundle
    from birdsong.bundle.bundle_files import read_bundle
    from birdsong.errors import (
        AudioError,
        BirdsongError,
        BundleError,
        ConfigError,
        DatasetError,
        ManifestError,
        NetworkError,
        OverwriteError,
        TaxonomyError,
        WriteError,
    )

__version__ = "0.1.0"

__all__ = [
    "AudioError",
    "BirdsongError",
    "Bundle",
    "BundleError",
    "Classifier",
    "ClassifyConfig",
    "ConfigError",
    "DatasetError",
    "Detection",
    "ManifestError",
    "NetworkError",
    "OverwriteError",
    "Prediction",
    "SegmentAnswer",
    "TaxonomyError",
    "WriteError",
    "__version__",
    "load_model",
    "read_bundle",
]

_MODULES = {
    "Classifier": "birdsong.answers.classifier",
    "ClassifyConfig": "birdsong.answers.classify_config",
    "Prediction": "birdsong.answers.prediction",
    "Detection": "birdsong.answers.prediction",
    "SegmentAnswer": "birdsong.answers.prediction",
    "Bundle": "birdsong.bundle.bundle",
    "read_bundle": "birdsong.bundle.bundle_files",
    "AudioError": "birdsong.errors",
    "BirdsongError": "birdsong.errors",
    "BundleError": "birdsong.errors",
    "ConfigError": "birdsong.errors",
    "DatasetError": "birdsong.errors",
    "ManifestError": "birdsong.errors",
    "NetworkError": "birdsong.errors",
    "OverwriteError": "birdsong.errors",
    "TaxonomyError": "birdsong.errors",
    "WriteError": "birdsong.errors",
}
"""Where each name is defined that is loaded when it is first used."""


def load_model(folder: str | Path | None = None) -> Classifier:
    """Load a model that classifies recordings.

    Parameters
    ----------
    folder : str or Path, optional
        A bundle, as in ``runs/species/bundle``; by default the one that ships with birdsong.

    Returns
    -------
    Classifier

    Raises
    ------
    BundleError
        If the bundle is missing, damaged, or of another version.

    Examples
    --------
    >>> import birdsong
    >>> prediction = birdsong.load_model().classify("no such file.wav")
    >>> prediction.status, prediction.error
    ('failed', 'no such file.wav: no such file')
    """
    from birdsong.answers.classifier import Classifier

    return Classifier.load() if folder is None else Classifier.load(folder)


if not TYPE_CHECKING:  # with it, a checker would take any name for one of this module

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module 'birdsong' has no attribute {name!r}")
        value: object = getattr(import_module(_MODULES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
