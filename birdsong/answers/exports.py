"""A prediction in the formats that other programs read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from birdsong.answers.prediction import Prediction
from birdsong.taxa.selection import RankedTaxon

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
_DIGITS = 4  # of probabilities
_TIME_DIGITS = 3  # of seconds


def to_json_line(prediction: Prediction) -> str:
    """Write everything that is said of a recording as one JSON object on one line."""
    return json.dumps(_to_dict(prediction), ensure_ascii=False, allow_nan=False)


def to_csv(predictions: Iterable[Prediction], *, header: bool = True) -> str:
    """Write the detections as a table, a row each.

    Parameters
    ----------
    predictions : iterable of Prediction
    header : bool
        Whether the names of the columns come first.

    Returns
    -------
    str
        Lines of CSV with the columns of `CSV_COLUMNS`.
    """
    content = io.StringIO(newline="")
    writer = csv.writer(content, lineterminator="\n")
    if header:
        writer.writerow(CSV_COLUMNS)
    for prediction in predictions:
        for found in prediction.detections:
            writer.writerow(
                [
                    prediction.recording,
                    round(found.start_s, _TIME_DIGITS),
                    round(found.end_s, _TIME_DIGITS),
                    found.rank,
                    found.taxon,
                    found.english_name or "",
                    round(found.probability, _DIGITS),
                    prediction.promise,
                ]
            )
    return content.getvalue()


def _to_dict(prediction: Prediction) -> dict[str, Any]:
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
        "duration_s": round(prediction.duration_s, _TIME_DIGITS),
        "bird_probability": round(prediction.bird_probability, _DIGITS),
        "warnings": list(prediction.warnings),
        "answer": None
        if answer is None
        else {
            "rank": answer.rank,
            "taxon": answer.taxon,
            "english_name": answer.english_name or None,
            "probability": round(answer.probability, _DIGITS),
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
                "start_s": round(found.start_s, _TIME_DIGITS),
                "end_s": round(found.end_s, _TIME_DIGITS),
                "rank": found.rank,
                "taxon": found.taxon,
                "english_name": found.english_name,
                "probability": round(found.probability, _DIGITS),
            }
            for found in prediction.detections
        ],
        "segments": [
            {
                "start_s": round(heard.start_s, _TIME_DIGITS),
                "end_s": round(heard.end_s, _TIME_DIGITS),
                "bird_probability": round(heard.bird_probability, _DIGITS),
                "taxon": heard.taxon,
                "probability": round(heard.probability, _DIGITS),
            }
            for heard in prediction.segments
        ],
        "bundle": bundle,
    }


def _ranked(taxon: RankedTaxon) -> dict[str, Any]:
    return {
        "rank": taxon.rank,
        "taxon": taxon.taxon,
        "probability": round(taxon.probability, _DIGITS),
    }
