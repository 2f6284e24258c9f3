"""What a session has heard: every recording is decoded once, however often the page is drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from birdsong.answers.classifier import Classifier, ClassifyConfig
from birdsong.answers.inference import SegmentLogits
from birdsong.answers.prediction import Prediction
from birdsong.answers.view import Overview, overview, segment_image
from birdsong.errors import AudioError


@dataclass(frozen=True, slots=True)
class Upload:
    """A recording as it came: the name is for showing only, no file is ever called that.

    Attributes
    ----------
    key : str
        What the session calls it, in letters, digits, hyphens and underscores; no two uploads
        share one.
    name : str
    content : bytes
    note : str
        What is known of it.
    """

    key: str
    name: str
    content: bytes
    note: str = ""


class PredictionCache:
    """Answers and images of this session, kept as long as their recording is uploaded.

    Parameters
    ----------
    memory : mutable mapping
        Lives as long as the session: ``st.session_state``.
    classifier : Classifier

    Attributes
    ----------
    classifier : Classifier
    """

    def __init__(self, memory: MutableMapping[str | int, Any], classifier: Classifier) -> None:
        self.classifier = classifier
        self._digests: dict[str, str] = memory.setdefault("digests", {})
        self._known: dict[tuple[str, ...], Any] = memory.setdefault("heard", {})

    def prediction(
        self, upload: Upload, promise: float, only: frozenset[str] | None = None
    ) -> Prediction:
        """What is said of a recording; one that cannot be read is said to have failed.

        The network is asked once a recording; another promise or another list concludes anew.
        """
        config = ClassifyConfig(promise=promise, only=only)
        try:
            hearing = self._hearing(upload)
        except AudioError as error:
            return self.classifier.failed(str(error), name=upload.name, config=config)
        return self.classifier.decide(hearing, name=upload.name, config=config)

    def _hearing(self, upload: Upload) -> SegmentLogits:
        """Listen, once; raises `AudioError` each time where it cannot be read."""
        key = (self._digest(upload), "hearing")
        if key not in self._known:
            try:
                self._known[key] = self.classifier.run_inference(upload.content)
            except AudioError as error:
                self._known[key] = error
        known: SegmentLogits | AudioError = self._known[key]
        if isinstance(known, AudioError):
            raise known
        return known

    def overview(self, upload: Upload) -> Overview:
        """Draw the whole recording; raises `AudioError` where it cannot be read."""
        key = (self._digest(upload), "overview")
        if key not in self._known:
            self._known[key] = overview(upload.content, self.classifier.bundle, name=upload.name)
        view: Overview = self._known[key]
        return view

    def image(self, upload: Upload, start_s: float) -> np.ndarray:
        """Make the image of the segment that starts there, uint8 (64, 200)."""
        key = (self._digest(upload), "image", str(start_s))
        if key not in self._known:
            self._known[key] = segment_image(
                upload.content, self.classifier.bundle, start_s, name=upload.name
            )
        image: np.ndarray = self._known[key]
        return image

    def forget_all_but(self, uploads: Collection[Upload]) -> None:
        """Let go of what belongs to recordings that were taken away."""
        keys = {upload.key for upload in uploads}
        for key in set(self._digests) - keys:
            del self._digests[key]
        digests = set(self._digests.values())
        for known in [known for known in self._known if known[0] not in digests]:
            del self._known[known]

    def _digest(self, upload: Upload) -> str:
        """Hash of the content, taken once an upload: the same file twice is heard once."""
        if upload.key not in self._digests:
            self._digests[upload.key] = hashlib.sha256(upload.content).hexdigest()
        return self._digests[upload.key]
