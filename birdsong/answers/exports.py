"""A prediction in the formats that other programs read: text only, nothing is written here.

JSON holds everything; the table formats hold the detections, and no cell that a spreadsheet would
run.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from birdsong.answers.prediction import Detection, Prediction
from birdsong.answers.prediction_data import (
    CSV_COLUMNS,
    PROBABILITY_DIGITS,
    TIME_DIGITS,
    detection_rows,
)
from birdsong.csv_escape import escape_cells

RAVEN_COLUMNS = (
    *("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)"),
    *("Low Freq (Hz)", "High Freq (Hz)"),  # Raven's own end here
    *("Rank", "Taxon", "English Name", "Probability", "Promise"),
)
KALEIDOSCOPE_COLUMNS = (
    *("INDIR", "FOLDER", "IN FILE", "OFFSET", "DURATION"),  # what Kaleidoscope finds a place by
    *("rank", "scientific_name", "common_name", "confidence", "promise"),
)


def to_json_line(prediction: Prediction) -> str:
    """Write everything that is said of a recording as one JSON object on one line."""
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
        The frequencies that the network looks at: a box in Raven spans them.

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
                *(round(found.start_s, TIME_DIGITS), round(found.end_s, TIME_DIGITS)),
                *(low_hz, high_hz),
                *(found.rank, found.taxon, found.english_name or ""),
                *(round(found.probability, PROBABILITY_DIGITS), prediction.promise),
            ]
            for number, found in enumerate(prediction.detections, start=1)
        ),
        delimiter="\t",
    )


def to_audacity(prediction: Prediction) -> str:
    """Write the detections of one recording as a label track of Audacity.

    Returns
    -------
    str
        A line for each detection: start and end in seconds, what it is; with tabs between.
    """
    return _table(
        None,
        (
            [f"{found.start_s:.6f}", f"{found.end_s:.6f}", _words(found)]
            for found in prediction.detections
        ),
        delimiter="\t",
    )


def to_kaleidoscope(predictions: Iterable[Prediction], *, header: bool = True) -> str:
    """Write the detections as a table for Kaleidoscope, a row each.

    Parameters
    ----------
    predictions : iterable of Prediction
        Their recordings are paths, which are split into folder above, folder and file.
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
                round(found.start_s, TIME_DIGITS),
                round(found.end_s - found.start_s, TIME_DIGITS),
                *(found.rank, found.taxon, found.english_name or ""),
                *(round(found.probability, PROBABILITY_DIGITS), prediction.promise),
            ]
            for prediction in predictions
            for found in prediction.detections
        ),
    )


def result_paths(recordings: Sequence[str], ending: str) -> list[PurePath]:
    """Name a result file for each recording.

    Parameters
    ----------
    recordings : sequence of str
        Distinct paths.
    ending : str
        What comes in the place of the audio ending, as in ``.selections.txt``.

    Returns
    -------
    list of PurePath
        Relative to the folder of results: ``<stem><ending>``. Recordings with equal stems keep
        their subfolder, and those that differ in nothing but the audio ending keep that, too.
    """
    paths = [PurePath(recording) for recording in recordings]
    stems = Counter(path.stem.casefold() for path in paths)
    shared = [path for path in paths if stems[path.stem.casefold()] > 1]
    # Absolute, so that `..` and a drive are gone before anything is compared or kept.
    base = os.path.commonpath([os.path.abspath(path.parent) for path in shared]) if shared else ""

    def subfolder(path: PurePath) -> PurePath:
        return PurePath(os.path.relpath(os.path.abspath(path.parent), base))

    kept = [
        subfolder(path) / path.stem if stems[path.stem.casefold()] > 1 else PurePath(path.stem)
        for path in paths
    ]
    again = Counter(str(path).casefold() for path in kept)
    return [
        result.with_name((path.name if again[str(result).casefold()] > 1 else path.stem) + ending)
        for path, result in zip(paths, kept, strict=True)
    ]


def _words(found: Detection) -> str:
    """Say what was detected on one line; the percentage is rounded down."""
    name = f" ({found.english_name})" if found.english_name else ""
    return f"{found.taxon}{name} {math.floor(100 * found.probability + 1e-9)} %"


def _table(
    columns: Sequence[str] | None, rows: Iterable[Sequence[object]], *, delimiter: str = ","
) -> str:
    content = io.StringIO(newline="")
    writer = csv.writer(content, delimiter=delimiter, lineterminator="\n")
    if columns:
        writer.writerow(columns)
    writer.writerows(map(escape_cells, rows))
    return content.getvalue()
