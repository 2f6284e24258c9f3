"""From a file to an answer: the only inference path. Commands, app and tests come through here."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

from birdsong.answers.judge import Judge
from birdsong.answers.listening import Hearing, listen
from birdsong.answers.prediction import Prediction
from birdsong.answers.track_record import FAMILIAR_SHARE, TrackRecord
from birdsong.bundle import DEFAULT_BUNDLE, Bundle, read_bundle
from birdsong.errors import AudioError, BundleError, ConfigError, legible
from birdsong.network import Network
from birdsong.pooling import Evidence, pool
from birdsong.sound.spectrogram import SpectrogramConfig

_JUDGES_KEPT = 32


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
        Seconds that neighbouring segments share on a regular grid; None places them around songs.
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
        if self.overlap_s is not None and not 0 <= self.overlap_s < math.inf:
            raise ConfigError(f"overlap_s must be finite and at least 0, got {self.overlap_s!r}")
        if not self.answer_up_to_s >= 0:
            raise ConfigError(f"answer_up_to_s must be at least 0, got {self.answer_up_to_s!r}")


def check_overlap(
    overlap_s: float | None, spectrogram: SpectrogramConfig, *, name: str = "overlap_s"
) -> None:
    """See that neighbouring segments can share so many seconds.

    Parameters
    ----------
    overlap_s : float or None
        As in `ClassifyConfig`.
    spectrogram : SpectrogramConfig
        The bundle's, which says how long a segment is.
    name : str
        What a person calls the setting.

    Raises
    ------
    ConfigError
        If it is negative, or not at least half a frame less than a segment.
    """
    if overlap_s is None:
        return
    segment_s, frame_s = spectrogram.segment_s, 1 / spectrogram.frames_per_s
    if not (0 <= overlap_s < segment_s and round((segment_s - overlap_s) / frame_s) >= 1):
        raise ConfigError(
            f"{name} must be at least 0 and less than a segment, {segment_s:g} s (at most "
            f"{segment_s - frame_s:g} s), got {overlap_s:g}"
        )


class Classifier:
    """A bundle ready to answer.

    Threads may share one, and so may processes that are forked. It pickles as the folder of its
    bundle, which is loaded again where it is unpickled: once in a process.

    Parameters
    ----------
    bundle : Bundle

    Attributes
    ----------
    track_record : TrackRecord
        How the model did when it was tested.

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
        self.track_record = TrackRecord(bundle)
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

    def __reduce__(self) -> tuple[Callable[..., Classifier], tuple[object, ...]]:
        folder = self.bundle.folder
        if folder is None:
            raise BundleError(
                f"bundle '{self.bundle.name}': a classifier pickles as the folder of its bundle, "
                "and this bundle was made in memory; write it with write_bundle, and load that"
            )
        # Another machine may have the default bundle in another place.
        shipped = folder == DEFAULT_BUNDLE.absolute()
        return _load_again, (type(self), None if shipped else folder, self._fingerprint)

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
        ConfigError
            If ``config.overlap_s`` is not less than a segment of the bundle.
        """
        config = config or ClassifyConfig()
        self._judge(config.only)  # a list that admits nothing is told before the work
        name = name or (legible(str(source)) if isinstance(source, Path) else "recording")
        try:
            hearing = self.listen(source, overlap_s=config.overlap_s)
        except AudioError as error:
            return self.failed(str(error), name=name, config=config)
        return self.conclude(hearing, name=name, config=config)

    def listen(self, source: Path | bytes, *, overlap_s: float | None = None) -> Hearing:
        """Ask the network about every segment of a recording, and conclude nothing yet.

        Parameters
        ----------
        source : Path or bytes
        overlap_s : float, optional
            As in `ClassifyConfig`.

        Returns
        -------
        Hearing

        Raises
        ------
        AudioError
            If the recording cannot be read or lasts less than 0.3 s.
        ConfigError
            If `overlap_s` is not less than a segment of the bundle.
        """
        check_overlap(overlap_s, self.bundle.spectrogram)
        return listen(source, self.bundle, self._network, overlap_s=overlap_s)

    def conclude(
        self, hearing: Hearing, *, name: str, config: ClassifyConfig | None = None
    ) -> Prediction:
        """Say what follows from what the network said; may be asked again in another way.

        Parameters
        ----------
        hearing : Hearing
            From `listen`.
        name : str
            What the prediction calls the recording.
        config : ClassifyConfig, optional

        Returns
        -------
        Prediction

        Raises
        ------
        TaxonomyError
            If ``config.only`` is empty or holds a taxon that is none of the bundle's labels.
        """
        config = config or ClassifyConfig()
        judge = self._judge(config.only)
        evidence = pool(
            hearing.logits,
            background=self.bundle.has_background,
            song_db=hearing.song_db,
            silent=hearing.silent,
            rule=judge.pooling,
        )
        answer = judge.answer(evidence, config.promise)
        reason, spoken = answer.reason, True
        if hearing.duration_s > config.answer_up_to_s:
            reason, spoken = (
                f"{hearing.duration_s:.0f} s long: above {config.answer_up_to_s:g} s there are "
                "detections only, since more than one bird may sing",
                False,
            )
        return Prediction(
            recording=name,
            status="ok",
            duration_s=hearing.duration_s,
            declared_s=hearing.declared_s,
            missing_s=hearing.missing_s,
            channel=hearing.channel,
            bird_probability=evidence.bird,
            warnings=(*hearing.warnings, *self._doubts(evidence)),
            answer=answer if spoken else None,
            reason=reason,
            path=answer.path,
            top=judge.top(evidence),
            detections=judge.detections(evidence, hearing.starts_s, hearing.ends_s, config.promise),
            segments=judge.segments(evidence, hearing.starts_s, hearing.ends_s),
            promise=config.promise,
            bundle_name=self.bundle.name,
            bundle_fingerprint=self._fingerprint,
        )

    def failed(self, error: str, *, name: str, config: ClassifyConfig | None = None) -> Prediction:
        """Say that a recording could not be read, and why."""
        return Prediction(
            recording=name,
            status="failed",
            error=error,
            promise=(config or ClassifyConfig()).promise,
            bundle_name=self.bundle.name,
            bundle_fingerprint=self._fingerprint,
        )

    def _doubts(self, evidence: Evidence) -> tuple[str, ...]:
        """Warn of a sound unlike those that the model was tested on."""
        if evidence.bird < 0.5 or not self.track_record.is_puzzled(evidence.labels):
            return ()
        return (
            f"puzzles the model more than {100 * FAMILIAR_SHARE:g} in 100 recordings that it was "
            "tested on: perhaps a bird that it does not know",
        )

    def _judge(self, only: frozenset[str] | None) -> Judge:
        """Make the judge for a list of species, once."""
        judge = self._judges.get(only)
        if judge is None:
            judge = Judge(self.bundle, only)
            if len(self._judges) >= _JUDGES_KEPT:  # anyone may bring another list
                self._judges.clear()
            self._judges[only] = judge
        return judge


@lru_cache(maxsize=1)  # joblib sends a classifier with each of its tasks
def _load_again(kind: type[Classifier], folder: Path | None, fingerprint: str) -> Classifier:
    """Load the bundle of a pickled classifier; raises `BundleError` where it is not the same."""
    classifier = kind.load(folder or DEFAULT_BUNDLE)
    if classifier.bundle.fingerprint != fingerprint:
        raise BundleError(
            f"{classifier.bundle.folder}: the bundle changed after its classifier was pickled: "
            f"expected fingerprint {fingerprint}, got {classifier.bundle.fingerprint}; load it anew"
        )
    return classifier
