"""A prediction as plain data: a dictionary of everything, and a row for each detection.

All output formats use these: probabilities have four digits, times three.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from birdsong.selective.selection import Answer, RankedTaxon

if TYPE_CHECKING:
    from birdsong.answers.prediction import Detection, Prediction, SegmentAnswer

CSV_COLUMNS = (
    "recording",
    "start_s",
    "end_s",
    "rank",
    "taxon",
    "english_name",
    "probability",
    "promise",
)
PROBABILITY_DIGITS = 4
TIME_DIGITS = 3
"""Of seconds."""


def detection_rows(predictions: Iterable[Prediction]) -> Iterator[tuple[object, ...]]:
    """Yield a row for each detection, with a value for each of `CSV_COLUMNS`."""
    for prediction in predictions:
        for detection in prediction.detections:
            yield (
                prediction.recording,
                round(detection.start_s, TIME_DIGITS),
                round(detection.end_s, TIME_DIGITS),
                detection.rank,
                detection.taxon,
                detection.english_name or "",
                round(detection.probability, PROBABILITY_DIGITS),
                prediction.promise,
            )


def prediction_to_dict(prediction: Prediction) -> dict[str, Any]:
    """Return what the JSON line of a prediction holds, as `Prediction.to_dict` documents."""
    bundle = {"name": prediction.bundle_name, "fingerprint": prediction.bundle_fingerprint}
    if prediction.status == "failed":
        return {
            "recording": prediction.recording,
            "status": "failed",
            "error": prediction.error,
            "bundle": bundle,
        }
    return {
        "recording": prediction.recording,
        "status": prediction.status,
        "duration_s": _seconds(prediction.duration_s),
        "declared_s": _seconds(prediction.declared_s),
        "missing_s": _seconds(prediction.missing_s),
        "channel": prediction.channel,
        "bird_probability": round(prediction.bird_probability, PROBABILITY_DIGITS),
        "warnings": list(prediction.warnings),
        "answer": None if prediction.answer is None else _answer(prediction.answer),
        "reason": prediction.reason,
        "path": [_ranked_taxon(step) for step in prediction.path],
        "top": [
            _ranked_taxon(taxon) | {"english_name": taxon.english_name or None}
            for taxon in prediction.top
        ],
        "detections": [_detection(detection) for detection in prediction.detections],
        "segments": [_segment(segment) for segment in prediction.segments],
        "bundle": bundle,
    }


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        **_taxon_names(answer),
        "probability": round(answer.probability, PROBABILITY_DIGITS),
        "promise": answer.promise,
        "reason": answer.reason,
        "runner_up": None if answer.runner_up is None else _ranked_taxon(answer.runner_up),
    }


def _detection(detection: Detection) -> dict[str, Any]:
    return {
        "start_s": _seconds(detection.start_s),
        "end_s": _seconds(detection.end_s),
        **_taxon_names(detection),
        "probability": round(detection.probability, PROBABILITY_DIGITS),
    }


def _segment(segment: SegmentAnswer) -> dict[str, Any]:
    return {
        "start_s": _seconds(segment.start_s),
        "end_s": _seconds(segment.end_s),
        "bird_probability": round(segment.bird_probability, PROBABILITY_DIGITS),
        "taxon": segment.taxon,
        "probability": round(segment.probability, PROBABILITY_DIGITS),
    }


def _taxon_names(named: Answer | Detection) -> dict[str, str | None]:
    """How a taxon is named in every answer and detection."""
    return {
        "rank": named.rank,
        "taxon": named.taxon,
        "english_name": named.english_name or None,
    }


def _seconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, TIME_DIGITS)


def _ranked_taxon(taxon: RankedTaxon) -> dict[str, Any]:
    return {
        "rank": taxon.rank,
        "taxon": taxon.taxon,
        "probability": round(taxon.probability, PROBABILITY_DIGITS),
    }
