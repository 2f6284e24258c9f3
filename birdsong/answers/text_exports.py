"""Predictions as text in the formats of other programs.

JSON holds everything; the tables hold the detections, with cells escaped so that a spreadsheet does
not run them as formulas.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from birdsong.answers.prediction import Detection, Prediction
from birdsong.answers.prediction_fields import (
    CSV_COLUMNS,
    PROBABILITY_DIGITS,
    TIME_DIGITS,
    detection_rows,
)
from birdsong.csv_escape import escape_cells
from birdsong.selective.selection import format_percent

RAVEN_COLUMNS = (
    *("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)"),
    *("Low Freq (Hz)", "High Freq (Hz)"),  # Raven's standard columns end here
    *("Rank", "Taxon", "English Name", "Probability", "Promise"),
)
KALEIDOSCOPE_COLUMNS = (
    *("INDIR", "FOLDER", "IN FILE", "OFFSET", "DURATION"),  # Kaleidoscope needs these
    *("rank", "scientific_name", "common_name", "confidence", "promise"),
)


def to_json_line(prediction: Prediction) -> str:
    """Write a whole prediction as one JSON object on one line."""
    return json.dumps(prediction.to_dict(), ensure_ascii=False, allow_nan=False)


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
    return _table(
        CSV_COLUMNS if header else None,
        detection_rows(predictions),
    )


def to_raven(prediction: Prediction, *, low_hz: float, high_hz: float) -> str:
    """Write the detections of one recording as a selection table of Raven.

    Parameters
    ----------
    prediction : Prediction
    low_hz, high_hz : float
        Frequency range of the network's images, which is that of the boxes in Raven.

    Returns
    -------
    str
        Lines with tabs and the columns of `RAVEN_COLUMNS`.
    """
    return _table(
        RAVEN_COLUMNS,
        (
            [
                *(number, "Spectrogram 1", 1),
                *(round(detection.start_s, TIME_DIGITS), round(detection.end_s, TIME_DIGITS)),
                *(low_hz, high_hz),
                *(detection.rank, detection.taxon, detection.english_name or ""),
                *(round(detection.probability, PROBABILITY_DIGITS), prediction.promise),
            ]
            for number, detection in enumerate(prediction.detections, start=1)
        ),
        delimiter="\t",
    )


def to_audacity(prediction: Prediction) -> str:
    """Write the detections of one recording as a label track of Audacity.

    Returns
    -------
    str
        A line for each detection: start and end in seconds and its label, separated by tabs.
    """
    return _table(
        None,
        (
            [f"{detection.start_s:.6f}", f"{detection.end_s:.6f}", _label_text(detection)]
            for detection in prediction.detections
        ),
        delimiter="\t",
    )


def to_kaleidoscope(predictions: Iterable[Prediction], *, header: bool = True) -> str:
    """Write the detections as a table for Kaleidoscope, a row each.

    Parameters
    ----------
    predictions : iterable of Prediction
        Their recordings are paths, which are split into parent folder, folder and file.
    header : bool
        Whether the names of the columns come first.

    Returns
    -------
    str
        Lines of CSV with the columns of `KALEIDOSCOPE_COLUMNS`; times in seconds.
    """

    def place(recording: str) -> tuple[str, str, str]:
        path = PurePath(recording)
        return str(path.parent.parent), path.parent.name, path.name

    return _table(
        KALEIDOSCOPE_COLUMNS if header else None,
        (
            [
                *place(prediction.recording),
                round(detection.start_s, TIME_DIGITS),
                round(detection.end_s - detection.start_s, TIME_DIGITS),
                *(detection.rank, detection.taxon, detection.english_name or ""),
                *(round(detection.probability, PROBABILITY_DIGITS), prediction.promise),
            ]
            for prediction in predictions
            for detection in prediction.detections
        ),
    )


def result_paths(recordings: Sequence[str], ending: str) -> list[PurePath]:
    """Name a result file for each recording.

    Parameters
    ----------
    recordings : sequence of str
        Distinct paths.
    ending : str
        Replaces the suffix of the audio file, as in ``.selections.txt``.

    Returns
    -------
    list of PurePath
        Relative to the folder of results: ``<stem><ending>``. Recordings with equal stems keep
        their subfolder, and those that differ only in their suffix keep that, too.
    """
    paths = [PurePath(recording) for recording in recordings]
    stems = Counter(path.stem.casefold() for path in paths)
    shared = [path for path in paths if stems[path.stem.casefold()] > 1]
    # Absolute, so that `..` and a drive are gone before anything is compared or kept.
    base = os.path.commonpath([os.path.abspath(path.parent) for path in shared]) if shared else ""

    def subfolder(path: PurePath) -> PurePath:
        return PurePath(os.path.relpath(os.path.abspath(path.parent), base))

    relative = [
        subfolder(path) / path.stem if stems[path.stem.casefold()] > 1 else PurePath(path.stem)
        for path in paths
    ]
    again = Counter(str(path).casefold() for path in relative)
    return [
        result.with_name((path.name if again[str(result).casefold()] > 1 else path.stem) + ending)
        for path, result in zip(paths, relative, strict=True)
    ]


def _label_text(detection: Detection) -> str:
    """Return the label of a detection: names and percentage."""
    name = f" ({detection.english_name})" if detection.english_name else ""
    return f"{detection.taxon}{name} {format_percent(detection.probability)}"


def _table(
    columns: Sequence[str] | None, rows: Iterable[Sequence[object]], *, delimiter: str = ","
) -> str:
    content = io.StringIO(newline="")
    writer = csv.writer(content, delimiter=delimiter, lineterminator="\n")
    if columns:
        writer.writerow(columns)
    writer.writerows(map(escape_cells, rows))
    return content.getvalue()
