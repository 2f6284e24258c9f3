"""A prediction as plain data: a dictionary of everything, and a row for each detection.

Every format of answers is made from these, so that they agree: probabilities have four digits,
times three.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from birdsong.selective.selection import RankedTaxon

if TYPE_CHECKING:
    from birdsong.answers.prediction import Prediction

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
        for found in prediction.detections:
            yield (
                prediction.recording,
                round(found.start_s, TIME_DIGITS),
                round(found.end_s, TIME_DIGITS),
                found.rank,
                found.taxon,
                found.english_name or "",
                round(found.probability, PROBABILITY_DIGITS),
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
    answer = prediction.answer
    return {
        "recording": prediction.recording,
        "status": prediction.status,
        "duration_s": round(prediction.duration_s, TIME_DIGITS),
        "declared_s": None
        if prediction.declared_s is None
        else round(prediction.declared_s, TIME_DIGITS),
        "missing_s": round(prediction.missing_s, TIME_DIGITS),
        "channel": prediction.channel,
        "bird_probability": round(prediction.bird_probability, PROBABILITY_DIGITS),
        "warnings": list(prediction.warnings),
        "answer": None
        if answer is None
        else {
            "rank": answer.rank,
            "taxon": answer.taxon,
            "english_name": answer.english_name or None,
            "probability": round(answer.probability, PROBABILITY_DIGITS),
            "promise": answer.promise,
            "reason": answer.reason,
            "runner_up": None if answer.runner_up is None else _ranked(answer.runner_up),
        },
        "reason": prediction.reason,
        "path": [_ranked(step) for step in prediction.path],
        "top": [
            _ranked(taxon) | {"english_name": taxon.english_name or None}
            for taxon in prediction.top
        ],
        "detections": [
            {
                "start_s": round(found.start_s, TIME_DIGITS),
                "end_s": round(found.end_s, TIME_DIGITS),
                "rank": found.rank,
                "taxon": found.taxon,
                "english_name": found.english_name,
                "probability": round(found.probability, PROBABILITY_DIGITS),
            }
            for found in prediction.detections
        ],
        "segments": [
            {
                "start_s": round(heard.start_s, TIME_DIGITS),
                "end_s": round(heard.end_s, TIME_DIGITS),
                "bird_probability": round(heard.bird_probability, PROBABILITY_DIGITS),
                "taxon": heard.taxon,
                "probability": round(heard.probability, PROBABILITY_DIGITS),
            }
            for heard in prediction.segments
        ],
        "bundle": bundle,
    }


def _ranked(taxon: RankedTaxon) -> dict[str, Any]:
    return {
        "rank": taxon.rank,
        "taxon": taxon.taxon,
        "probability": round(taxon.probability, PROBABILITY_DIGITS),
    }
