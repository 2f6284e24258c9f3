"""The predictions of a browser session: each recording is decoded only once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from birdsong.answers.classifier import Classifier, ClassifyConfig
from birdsong.answers.prediction import Prediction
from birdsong.answers.segment_logits import SegmentLogits
from birdsong.answers.spectrogram_views import OverviewSpectrogram, overview, segment_image
from birdsong.errors import AudioError


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded recording. Its name is only shown, never used as the name of a file.

    Attributes
    ----------
    key : str
        Unique in the session; letters, digits, hyphens and underscores.
    name : str
    content : bytes
    note : str
        What is known about it.
    """

    key: str
    name: str
    content: bytes
    note: str = ""


class PredictionCache:
    """Predictions and images of a session, kept as long as their recording is uploaded.

    Parameters
    ----------
    memory : mutable mapping
        Storage that lasts as long as the session: ``st.session_state``.
    classifier : Classifier

    Attributes
    ----------
    classifier : Classifier
    """

    def __init__(self, memory: MutableMapping[str | int, Any], classifier: Classifier) -> None:
        self.classifier = classifier
        self._digests: dict[str, str] = memory.setdefault("digests", {})
        self._results: dict[tuple[str, ...], Any] = memory.setdefault("results", {})

    def prediction(
        self, upload: Upload, promise: float, only: frozenset[str] | None = None
    ) -> Prediction:
        """Predict the answer to a recording; status ``failed`` if it cannot be read.

        The network runs once per recording; a new promise or list only repeats the decision.
        """
        config = ClassifyConfig(promise=promise, only=only)
        try:
            logits = self._segment_logits(upload)
        except AudioError as error:
            return self.classifier.failed(str(error), name=upload.name, config=config)
        return self.classifier.choose_answer(logits, name=upload.name, config=config)

    def _segment_logits(self, upload: Upload) -> SegmentLogits:
        """Run the network once; raises `AudioError` each time if the recording cannot be read."""
        key = (self._digest(upload), "logits")
        if key not in self._results:
            try:
                self._results[key] = self.classifier.run_inference(upload.content)
            except AudioError as error:
                self._results[key] = error
        result: SegmentLogits | AudioError = self._results[key]
        if isinstance(result, AudioError):
            raise result
        return result

    def overview(self, upload: Upload) -> OverviewSpectrogram:
        """Return the spectrogram of the whole recording; raises `AudioError` if unreadable."""
        key = (self._digest(upload), "overview")
        if key not in self._results:
            self._results[key] = overview(upload.content, self.classifier.bundle, name=upload.name)
        view: OverviewSpectrogram = self._results[key]
        return view

    def image(self, upload: Upload, start_s: float) -> np.ndarray:
        """Return the image of the segment that starts at `start_s`, uint8 (64, 200)."""
        key = (self._digest(upload), "image", str(start_s))
        if key not in self._results:
            self._results[key] = segment_image(
                upload.content, self.classifier.bundle, start_s, name=upload.name
            )
        image: np.ndarray = self._results[key]
        return image

    def keep_only(self, uploads: Collection[Upload]) -> None:
        """Drop the results of recordings that are no longer uploaded."""
        keys = {upload.key for upload in uploads}
        for key in set(self._digests) - keys:
            del self._digests[key]
        digests = set(self._digests.values())
        for stale in [key for key in self._results if key[0] not in digests]:
            del self._results[stale]

    def _digest(self, upload: Upload) -> str:
        """Return the hash of the content, so that the same file twice is decoded once."""
        if upload.key not in self._digests:
            self._digests[upload.key] = hashlib.sha256(upload.content).hexdigest()
        return self._digests[upload.key]
