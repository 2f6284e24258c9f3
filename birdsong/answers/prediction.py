"""The prediction of a recording: its answer, detections and segments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from birdsong.answers.prediction_fields import CSV_COLUMNS, detection_rows, prediction_to_dict
from birdsong.answers.prediction_html import prediction_to_html
from birdsong.errors import ConfigError
from birdsong.selective.selection import Answer, RankedTaxon

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class SegmentAnswer:
    """The most probable label of one segment, given that it holds a bird."""

    start_s: float
    end_s: float
    bird_probability: float
    taxon: str
    probability: float


@dataclass(frozen=True, slots=True)
class Detection:
    """A run of neighbouring segments with one answer; its probability is the segments' mean.

    The promise is kept per recording and is not claimed for a detection.
    """

    start_s: float
    end_s: float
    rank: str
    taxon: str
    english_name: str | None
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The prediction of one recording.

    Attributes
    ----------
    recording : str
        The path or name as given.
    status : {"ok", "failed"}
    error : str
        Why it failed; empty if it did not.
    duration_s : float
        Seconds that were decoded.
    declared_s : float or None
        Length in the file's header; None if it has none.
    missing_s : float
        Seconds that are declared or present in the file and could not be decoded.
    channel : str
        The channel used: ``mix``, or ``channel 1 of 2``; empty for a mono file.
    bird_probability : float
        Probability that the recording holds a bird.
    warnings : tuple of str
    answer : Answer or None
        None if the recording failed or is too long for one answer; `reason` says so.
    reason : str
        Why there is no answer; the answer's own reason otherwise.
    path : tuple of RankedTaxon
        From Aves to the most probable label.
    top : tuple of RankedTaxon
        The ten most probable labels; their probabilities include that there is a bird.
    detections : tuple of Detection
    segments : tuple of SegmentAnswer
    promise : float
    bundle_name, bundle_fingerprint : str
    """

    recording: str
    status: str
    error: str = ""
    duration_s: float = 0.0
    declared_s: float | None = None
    missing_s: float = 0.0
    channel: str = ""
    bird_probability: float = 0.0
    warnings: tuple[str, ...] = ()
    answer: Answer | None = None
    reason: str = ""
    path: tuple[RankedTaxon, ...] = ()
    top: tuple[RankedTaxon, ...] = ()
    detections: tuple[Detection, ...] = ()
    segments: tuple[SegmentAnswer, ...] = ()
    promise: float
    bundle_name: str
    bundle_fingerprint: str

    def to_dict(self) -> dict[str, Any]:
        """Return the whole prediction, as in ``birdsong classify --format json``.

        Returns
        -------
        dict
            Only JSON values, so that ``json.dumps`` accepts it.

        Examples
        --------
        >>> failed = Prediction(
        ...     recording="a.wav", status="failed", error="a.wav: no such file",
        ...     promise=0.9, bundle_name="birds", bundle_fingerprint="0f",
        ... )
        >>> failed.to_dict()["error"]
        'a.wav: no such file'
        """
        return prediction_to_dict(self)

    def to_dataframe(self) -> pandas.DataFrame:
        """Return the detections as a pandas DataFrame, a row each.

        Returns
        -------
        pandas.DataFrame
            With the columns of ``birdsong classify --format csv``. `english_name` is missing (None
            or NaN) where a taxon has none. No rows where the recording failed.

        Raises
        ------
        ConfigError
            If pandas is not installed.

        Examples
        --------
        >>> found = Detection(0.0, 2.0, "genus", "Turdus", None, 0.93)
        >>> prediction = Prediction(
        ...     recording="a.wav", status="ok", detections=(found,),
        ...     promise=0.9, bundle_name="birds", bundle_fingerprint="0f",
        ... )
        >>> prediction.to_dataframe()[["start_s", "end_s", "taxon"]].values.tolist()
        [[0.0, 2.0, 'Turdus']]
        """
        try:
            import pandas
        except ImportError as error:
            raise ConfigError(
                "to_dataframe needs pandas, which is not installed: pip install pandas"
            ) from error
        table = pandas.DataFrame(list(detection_rows([self])), columns=list(CSV_COLUMNS))
        table["english_name"] = table["english_name"].where(table["english_name"] != "", None)
        numbers = ("start_s", "end_s", "probability", "promise")
        return table.astype(dict.fromkeys(numbers, "float64"))

    def _repr_html_(self) -> str:
        """Show the answer, its reason and the most probable labels in a notebook."""
        return prediction_to_html(self)
