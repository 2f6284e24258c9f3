"""Writing predictions to files as they are made: one for all recordings, or one for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from birdsong.answers.export_formats import AnswerFormat, answer_format
from birdsong.answers.prediction import Prediction
from birdsong.answers.text_exports import result_paths
from birdsong.atomic import write_atomically
from birdsong.overwrite import check_absent
from birdsong.sound.spectrogram import SpectrogramConfig


def result_bytes(
    predictions: Sequence[Prediction], format: str, spectrogram: SpectrogramConfig
) -> bytes:
    """Return predictions in one format as the content of a file.

    Parameters
    ----------
    predictions : sequence of Prediction
        Only one, if the format has one file per recording.
    format : str
        One of `export_formats.FORMATS`.
    spectrogram : SpectrogramConfig
        Of the bundle: Raven's boxes span its frequencies.

    Returns
    -------
    bytes

    Raises
    ------
    ConfigError
        If there is no such format.
    """
    return b"".join(answer_format(format).encode(predictions, spectrogram))


def result_files(recordings: Sequence[str], out: Path, format: str) -> list[Path]:
    """Name the files that `write_results` writes."""
    return _result_files(recordings, out, answer_format(format))


def write_results(
    predictions: Iterable[Prediction],
    recordings: Sequence[str],
    out: Path,
    *,
    format: str,
    spectrogram: SpectrogramConfig,
    replace: bool = False,
) -> Path:
    """Write predictions into a folder as they are made; a file appears once it is complete.

    Parameters
    ----------
    predictions : iterable of Prediction
        One for each of `recordings`, in their order.
    recordings : sequence of str
        Distinct paths. A recording that could not be read gets no file of its own.
    out : Path
        Created if it does not exist.
    format : str
        One of `export_formats.FORMATS`.
    spectrogram : SpectrogramConfig
        Of the bundle: Raven's boxes span its frequencies.
    replace : bool
        Whether existing results may be overwritten. Those of other formats are always kept.

    Returns
    -------
    Path
        The file that was written, or the folder that holds a file for each recording.

    Raises
    ------
    ConfigError
        If there is no such format.
    OverwriteError
        If results of this format exist and `replace` is False; no prediction is made.
    """
    chosen = answer_format(format)
    paths = _result_files(recordings, out, chosen)
    check_absent(paths, replace=replace)
    out.mkdir(parents=True, exist_ok=True)
    if chosen.shared_file:
        (path,) = paths
        unfinished = out / f".{chosen.shared_file}.part"
        with unfinished.open("wb") as file:
            for piece in chosen.encode(predictions, spectrogram):
                file.write(piece)
        unfinished.replace(path)
        return path
    for prediction, path in zip(predictions, paths, strict=True):
        if prediction.status == "failed":
            continue
        content = b"".join(chosen.encode([prediction], spectrogram))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    return out


def _result_files(recordings: Sequence[str], out: Path, chosen: AnswerFormat) -> list[Path]:
    if chosen.shared_file:
        return [out / chosen.shared_file]
    return [out / path for path in result_paths(recordings, chosen.suffix)]
