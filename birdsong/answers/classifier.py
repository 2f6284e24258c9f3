"""The classifier, the only path from a recording to an answer: commands and app use it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Self

from birdsong.answers.answer_selector import AnswerSelector
from birdsong.answers.classify_config import ClassifyConfig, check_overlap
from birdsong.answers.classify_many import classify_many
from birdsong.answers.out_of_fold_stats import FAMILIAR_SHARE, OutOfFoldStats
from birdsong.answers.prediction import Prediction
from birdsong.answers.segment_logits import SegmentLogits, run_inference
from birdsong.answers.sources import Source, recording_name, to_audio_source
from birdsong.bundle.bundle import Bundle
from birdsong.bundle.bundle_files import DEFAULT_BUNDLE, read_bundle
from birdsong.bundle.onnx_network import Network
from birdsong.bundle.pooling import PooledProbabilities
from birdsong.errors import AudioError, BundleError
from birdsong.sound.waveform import AudioSource

__all__ = ["Classifier", "ClassifyConfig", "check_overlap"]

_MAX_SELECTORS = 32


class Classifier:
    """Classifies recordings with the model of a bundle.

    Threads and forked processes may share one. It pickles as the folder of its bundle, which is
    loaded once in each process that unpickles it.

    Parameters
    ----------
    bundle : Bundle

    Attributes
    ----------
    out_of_fold_stats : OutOfFoldStats
        Results of the model in cross-validation.

    Raises
    ------
    BundleError
        If onnxruntime cannot load the network, or it does not fit the bundle's labels.

    Examples
    --------
    A synthetic bird, which the default model was not trained on:

    >>> from birdsong.synthetic.synthesis import render_recording
    >>> from birdsong.synthetic.species import SPECIES
    >>> bird = render_recording(SPECIES[0], individual=0)
    >>> classifier = Classifier.load()
    >>> prediction = classifier.classify(bird.samples, sample_rate_hz=bird.sample_rate_hz)
    >>> prediction.status, len(prediction.top), prediction.bundle_name == classifier.bundle.name
    ('ok', 10, True)
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._network = Network(bundle)
        self.out_of_fold_stats = OutOfFoldStats(bundle)
        self._selectors: dict[frozenset[str] | None, AnswerSelector] = {}
        self._fingerprint = bundle.fingerprint  # a hash of megabytes, part of every answer

    @classmethod
    def load(cls, folder: str | Path = DEFAULT_BUNDLE) -> Self:
        """Load a bundle from its folder; by default the one that ships with birdsong.

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
        # On another machine the default bundle may be in another folder.
        shipped = folder == DEFAULT_BUNDLE.absolute()
        return _reload, (type(self), None if shipped else folder, self._fingerprint)

    def classify(
        self,
        source: Source,
        *,
        sample_rate_hz: int | None = None,
        name: str = "",
        config: ClassifyConfig | None = None,
    ) -> Prediction:
        """Classify one recording of any length.

        Parameters
        ----------
        source : str, Path, bytes, binary file, or numpy array
            A path; the content of a file; an open binary file, which is read from its current
            place to its end; or samples of shape (n,) or (n, n_channels): floating point in
            [-1, 1], or integers of up to 32 bits, which are scaled by their range.
        sample_rate_hz : int, optional
            Required for samples, and only for them; files have their own.
        name : str, optional
            Name of the recording in the prediction; by default its path, or the path of an open
            file, or ``recording``.
        config : ClassifyConfig, optional

        Returns
        -------
        Prediction
            With status ``failed`` and an error if the recording cannot be read.

        Raises
        ------
        TypeError
            If `source` is of another type.
        TaxonomyError
            If ``config.only`` is empty or holds a taxon that is not one of the bundle's labels.
        ConfigError
            If ``config.overlap_s`` is not less than a segment of the bundle, if `sample_rate_hz`
            is missing or not allowed, or if samples are not as above.

        Examples
        --------
        >>> import numpy as np
        >>> silence = np.zeros(72_000, np.float32)
        >>> prediction = Classifier.load().classify(silence, sample_rate_hz=24_000)
        >>> prediction.duration_s, prediction.warnings
        (3.0, ('holds nothing but digital silence',))
        """
        config = config or ClassifyConfig()
        self._selector(config.only)  # an invalid list fails before any work is done
        name = name or recording_name(source)
        try:
            audio = to_audio_source(source, sample_rate_hz=sample_rate_hz)
            segments = self.run_inference(audio, overlap_s=config.overlap_s)
        except AudioError as error:
            return self.failed(str(error), name=name, config=config)
        return self.choose_answer(segments, name=name, config=config)

    def classify_many(
        self,
        sources: Iterable[Source],
        *,
        jobs: int = 1,
        config: ClassifyConfig | None = None,
        sample_rate_hz: int | None = None,
    ) -> Iterator[Prediction]:
        """Classify many recordings, one after the other or in parallel.

        Sources are read only a few ahead of the predictions, so memory does not grow with their
        number. An error in one recording gives a prediction with status ``failed``; the others
        continue.

        Parameters
        ----------
        sources : iterable
            Each as in `classify`.
        jobs : int
            Number of processes; of threads if the bundle was made in memory. 1 uses this process.
        config : ClassifyConfig, optional
        sample_rate_hz : int, optional
            Of sources that are samples.

        Returns
        -------
        iterator of Prediction
            One for each source, in their order.

        Raises
        ------
        TypeError
            If `sources` is one recording, or no iterable.
        TaxonomyError, ConfigError
            As `classify` does for `config`; if `jobs` is less than 1.

        Examples
        --------
        >>> import numpy as np
        >>> sources = [np.zeros(72_000, np.float32), "no such file.wav"]
        >>> predictions = Classifier.load().classify_many(sources, sample_rate_hz=24_000)
        >>> [prediction.status for prediction in predictions]
        ['ok', 'failed']
        """
        config = config or ClassifyConfig()
        self._selector(config.only)
        check_overlap(config.overlap_s, self.bundle.spectrogram)
        return classify_many(self, sources, jobs=jobs, config=config, sample_rate_hz=sample_rate_hz)

    def run_inference(
        self, source: AudioSource, *, overlap_s: float | None = None
    ) -> SegmentLogits:
        """Run the network on every segment of a recording, without choosing an answer.

        Parameters
        ----------
        source : Path, bytes or Waveform
        overlap_s : float, optional
            As in `ClassifyConfig`.

        Returns
        -------
        SegmentLogits

        Raises
        ------
        AudioError
            If the recording cannot be read or lasts less than 0.3 s.
        ConfigError
            If `overlap_s` is not less than a segment of the bundle.
        """
        check_overlap(overlap_s, self.bundle.spectrogram)
        return run_inference(source, self.bundle, self._network, overlap_s=overlap_s)

    def choose_answer(
        self, segments: SegmentLogits, *, name: str, config: ClassifyConfig | None = None
    ) -> Prediction:
        """Choose the answer from the logits; fast, so it can be repeated with other configs.

        Parameters
        ----------
        segments : SegmentLogits
            From `run_inference`.
        name : str
            Name of the recording in the prediction.
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
        selector = self._selector(config.only)
        pooled = self.bundle.pool(
            segments.logits, signal_level_db=segments.signal_level_db, silent=segments.silent
        )
        answer = selector.answer(pooled, config.promise)
        reason, is_answered = answer.reason, True
        if segments.duration_s > config.answer_up_to_s:
            reason, is_answered = (
                f"{segments.duration_s:.0f} s long: above {config.answer_up_to_s:g} s there are "
                "detections only, since more than one bird may sing",
                False,
            )
        return Prediction(
            recording=name,
            status="ok",
            duration_s=segments.duration_s,
            declared_s=segments.declared_s,
            missing_s=segments.missing_s,
            channel=segments.channel,
            bird_probability=pooled.bird,
            warnings=(*segments.warnings, *self._unfamiliar_warnings(pooled)),
            answer=answer if is_answered else None,
            reason=reason,
            path=answer.path,
            top=selector.top(pooled),
            detections=selector.detections(
                pooled, segments.starts_s, segments.ends_s, config.promise
            ),
            segments=selector.segments(pooled, segments.starts_s, segments.ends_s),
            promise=config.promise,
            bundle_name=self.bundle.name,
            bundle_fingerprint=self._fingerprint,
        )

    def failed(self, error: str, *, name: str, config: ClassifyConfig | None = None) -> Prediction:
        """Return the prediction of a recording that could not be read."""
        return Prediction(
            recording=name,
            status="failed",
            error=error,
            promise=(config or ClassifyConfig()).promise,
            bundle_name=self.bundle.name,
            bundle_fingerprint=self._fingerprint,
        )

    def _unfamiliar_warnings(self, pooled: PooledProbabilities) -> tuple[str, ...]:
        """Warn if the model is more uncertain than on nearly all recordings of its test."""
        if pooled.bird < 0.5 or not self.out_of_fold_stats.is_unfamiliar(pooled.labels):
            return ()
        return (
            f"the model is more uncertain than on {100 * FAMILIAR_SHARE:g} in 100 recordings that "
            "it was tested on: perhaps a bird that it does not know",
        )

    def _selector(self, only: frozenset[str] | None) -> AnswerSelector:
        """Return the selector for a list of species, which is made once."""
        selector = self._selectors.get(only)
        if selector is None:
            selector = AnswerSelector(self.bundle, only)
            if len(self._selectors) >= _MAX_SELECTORS:  # bounds the memory
                self._selectors.clear()
            self._selectors[only] = selector
        return selector


@lru_cache(maxsize=1)  # joblib sends a classifier with each of its tasks
def _reload(kind: type[Classifier], folder: Path | None, fingerprint: str) -> Classifier:
    """Load the bundle of a pickled classifier; raises `BundleError` where it is not the same."""
    classifier = kind.load(folder or DEFAULT_BUNDLE)
    if classifier.bundle.fingerprint != fingerprint:
        raise BundleError(
            f"{classifier.bundle.folder}: the bundle changed after its classifier was pickled: "
            f"expected fingerprint {fingerprint}, got {classifier.bundle.fingerprint}; load it "
            "again"
        )
    return classifier
