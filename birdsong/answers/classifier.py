"""From a file to an answer: the only inference path. Commands, app and tests come through here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from birdsong.answers.judge import Judge
from birdsong.answers.prediction import Prediction
from birdsong.arrays import FloatArray, ImageArray
from birdsong.bundle import DEFAULT_BUNDLE, Bundle, read_bundle
from birdsong.errors import AudioError, ConfigError
from birdsong.network import BATCH_SIZE, Network
from birdsong.pooling import pool
from birdsong.sound.audio import AudioReader
from birdsong.sound.segments import MIN_DURATION_S, recording_warnings, walk_segments


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifyConfig:
    """How sure an answer must be, and how a recording is walked through.

    Attributes
    ----------
    promise : float in (0, 1]
        Share of the answers at a rank, each rank by itself, that must be right.
    only : frozenset of str, optional
        Taxa of the bundle's labels that may be the answer: those that occur at a place. All by
        default.
    overlap_s : float or None
        Seconds that neighbouring segments share; None takes the bundle's own.
    answer_up_to_s : float
        Longer recordings get detections only: more than one bird may sing in them.
    """

    promise: float = 0.9
    only: frozenset[str] | None = None
    overlap_s: float | None = None
    answer_up_to_s: float = 120.0

    def __post_init__(self) -> None:
        if not 0 < self.promise <= 1:
            raise ConfigError(f"promise must be above 0 and at most 1, got {self.promise!r}")
        if self.overlap_s is not None and self.overlap_s < 0:
            raise ConfigError(f"overlap_s must be at least 0, got {self.overlap_s!r}")


@dataclass(slots=True)
class _Heard:
    """Segments of a recording as they were walked through."""

    starts_s: list[float] = field(default_factory=list)
    silent: list[bool] = field(default_factory=list)
    logits: list[FloatArray] = field(default_factory=list)


class Classifier:
    """A bundle ready to answer.

    Parameters
    ----------
    bundle : Bundle

    Raises
    ------
    BundleError
        If onnxruntime cannot load the network, or it does not fit the bundle's labels.

    Examples
    --------
    >>> classifier = Classifier.load()  # doctest: +SKIP
    >>> classifier.classify(Path("XC1.mp3")).answer.taxon  # doctest: +SKIP
    'Turdus'
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._network = Network(bundle)
        self._judges: dict[frozenset[str] | None, Judge] = {}
        self._fingerprint = bundle.fingerprint  # a hash of megabytes, told with every answer

    @classmethod
    def load(cls, folder: Path = DEFAULT_BUNDLE) -> Self:
        """Read a bundle's folder and make it ready: the one that ships with birdsong by default.

        Raises
        ------
        BundleError
            If the bundle is missing, damaged, or of another version.
        """
        return cls(read_bundle(folder))

    def classify(
        self, source: Path | bytes, *, name: str = "", config: ClassifyConfig | None = None
    ) -> Prediction:
        """Listen to one recording of any length.

        Parameters
        ----------
        source : Path or bytes
        name : str, optional
            What the prediction calls the recording; the path by default.
        config : ClassifyConfig, optional

        Returns
        -------
        Prediction
            With status ``failed`` and a sentence where the recording cannot be read.

        Raises
        ------
        TaxonomyError
            If ``config.only`` is empty or holds a taxon that is none of the bundle's labels.
        """
        config = config or ClassifyConfig()
        judge = self._judge(config.only)
        name = name or (str(source) if isinstance(source, Path) else "recording")
        try:
            heard, duration_s, warnings = self._listen(source, config)
        except AudioError as error:
            return Prediction(
                recording=name,
                status="failed",
                error=str(error),
                promise=config.promise,
                bundle_name=self.bundle.name,
                bundle_fingerprint=self._fingerprint,
            )
        evidence = pool(
            np.concatenate(heard.logits),
            background=self.bundle.has_background,
            silent=np.array(heard.silent),
            rule=judge.pooling,
        )
        answer = judge.answer(evidence, config.promise)
        reason, spoken = answer.reason, True
        if duration_s > config.answer_up_to_s:
            reason, spoken = (
                f"{duration_s:.0f} s long: above {config.answer_up_to_s:g} s there are detections "
                "only, since more than one bird may sing",
                False,
            )
        ends_s = [min(s + self.bundle.spectrogram.segment_s, duration_s) for s in heard.starts_s]
        return Prediction(
            recording=name,
            status="ok",
            duration_s=duration_s,
            bird_probability=evidence.bird,
            warnings=tuple(warnings),
            answer=answer if spoken else None,
            reason=reason,
            path=answer.path,
            top=judge.top(evidence),
            detections=judge.detections(evidence, heard.starts_s, ends_s, config.promise),
            segments=judge.segments(evidence, heard.starts_s, ends_s),
            promise=config.promise,
            bundle_name=self.bundle.name,
            bundle_fingerprint=self._fingerprint,
        )

    def _judge(self, only: frozenset[str] | None) -> Judge:
        """Make the judge for a list of species, once."""
        if only not in self._judges:
            self._judges[only] = Judge(self.bundle, only)
        return self._judges[only]

    def _listen(
        self, source: Path | bytes, config: ClassifyConfig
    ) -> tuple[_Heard, float, list[str]]:
        """Walk through the recording and ask the network about each segment."""
        spectrogram = self.bundle.spectrogram
        step_s = self.bundle.step_s
        if config.overlap_s is not None:
            step_s = spectrogram.segment_s - config.overlap_s
        heard = _Heard()
        waiting: list[ImageArray] = []
        with AudioReader(source, spectrogram.sample_rate_hz) as reader:
            for segment in walk_segments(
                reader.blocks(), spectrogram, self.bundle.filters, step_s=step_s
            ):
                heard.starts_s.append(segment.start_s)
                heard.silent.append(segment.silent)
                waiting.append(segment.picture)
                if len(waiting) == BATCH_SIZE:
                    heard.logits.append(self._network.logits(np.stack(waiting)))
                    waiting = []
            if reader.duration_s < MIN_DURATION_S:
                raise AudioError(
                    f"{reader.name}: lasts {reader.duration_s:.2f} s, at least "
                    f"{MIN_DURATION_S:g} s are needed"
                )
            warnings = recording_warnings(reader, spectrogram)
            duration_s = reader.duration_s
        if waiting:
            heard.logits.append(self._network.logits(np.stack(waiting)))
        if all(heard.silent):
            warnings.append("holds nothing but digital silence")
        return heard, duration_s, warnings
