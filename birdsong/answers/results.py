"""Predictions to files, as they come: a table for all recordings, or a file for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from birdsong.answers.exports import (
    result_paths,
    to_audacity,
    to_csv,
    to_json_line,
    to_kaleidoscope,
    to_raven,
)
from birdsong.answers.prediction import Prediction
from birdsong.atomic import write_atomically
from birdsong.overwrite import check_absent
from birdsong.sound.spectrogram import SpectrogramConfig

ONE_FILE = {
    "csv": "results.csv",
    "json": "results.jsonl",
    "kaleidoscope": "kaleidoscope.csv",
}
"""Formats with one file for all recordings, and its name."""

FILE_EACH = {"raven": ".selections.txt", "audacity": ".labels.txt"}
"""Formats with a file for each recording, and its ending."""

FORMATS = (*ONE_FILE, *FILE_EACH)


def result_lines(predictions: Iterable[Prediction], format: str) -> Iterator[str]:
    """Write in one of the formats of `ONE_FILE`, a piece for each prediction.

    Parameters
    ----------
    predictions : iterable of Prediction
    format : {"csv", "json", "kaleidoscope"}

    Yields
    ------
    str
        Whole lines; none for a recording without detections, but always the names of columns.
    """
    if format == "json":
        yield from (to_json_line(prediction) + "\n" for prediction in predictions)
        return
    table: Callable[..., str] = to_csv if format == "csv" else to_kaleidoscope
    yield table([])
    yield from (table([prediction], header=False) for prediction in predictions)


def result_text(
    predictions: Sequence[Prediction], format: str, spectrogram: SpectrogramConfig
) -> str:
    """Write predictions in one format; one prediction only in those of `FILE_EACH`.

    Parameters
    ----------
    predictions : sequence of Prediction
    format : {"csv", "json", "kaleidoscope", "raven", "audacity"}
    spectrogram : SpectrogramConfig
        Of the bundle: Raven's boxes span its frequencies.

    Returns
    -------
    str
    """
    if format in ONE_FILE:
        return "".join(result_lines(predictions, format))
    (prediction,) = predictions
    if format == "audacity":
        return to_audacity(prediction)
    return to_raven(prediction, low_hz=spectrogram.f_min_hz, high_hz=spectrogram.f_max_hz)


def result_files(recordings: Sequence[str], out: Path, format: str) -> list[Path]:
    """Name the files that `write_results` writes."""
    if format in ONE_FILE:
        return [out / ONE_FILE[format]]
    return [out / path for path in result_paths(recordings, FILE_EACH[format])]


def write_results(
    predictions: Iterable[Prediction],
    recordings: Sequence[str],
    out: Path,
    *,
    format: str,
    spectrogram: SpectrogramConfig,
    replace: bool = False,
) -> Path:
    """Write predictions into a folder as they come; a file appears when it is whole.

    Parameters
    ----------
    predictions : iterable of Prediction
        One for each of `recordings`, in their order.
    recordings : sequence of str
        Distinct paths. What could not be read has no file of its own.
    out : Path
        Made if need be.
    format : {"csv", "json", "kaleidoscope", "raven", "audacity"}
    spectrogram : SpectrogramConfig
        Of the bundle: Raven's boxes span its frequencies.
    replace : bool
        Whether results that lie there may be overwritten. Those of other formats always stay.

    Returns
    -------
    Path
        The file that was written, or the folder that holds a file for each recording.

    Raises
    ------
    OverwriteError
        If there are results of this format that must not be overwritten; no prediction is made.
    """
    check_absent(result_files(recordings, out, format), replace=replace)
    out.mkdir(parents=True, exist_ok=True)
    if format in ONE_FILE:
        name = ONE_FILE[format]
        unfinished = out / f".{name}.part"
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            for line in result_lines(predictions, format):
                file.write(line)
        unfinished.replace(out / name)
        return out / name
    paths = result_files(recordings, out, format)
    for prediction, path in zip(predictions, paths, strict=True):
        if prediction.status == "failed":
            continue
        text = result_text([prediction], format, spectrogram)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    return out
