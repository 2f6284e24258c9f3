"""The registry of output formats.

A new format needs a function that makes a file's content and an entry in `FORMATS`: `results` and
`archive` then write it, and ``birdsong classify --format`` and the app offer it. The text of each
format is made in `text_exports`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from birdsong.answers.prediction import Prediction
from birdsong.answers.text_exports import (
    to_audacity,
    to_csv,
    to_json_line,
    to_kaleidoscope,
    to_raven,
)
from birdsong.errors import ConfigError
from birdsong.sound.spectrogram import SpectrogramConfig

Encode: TypeAlias = Callable[[Iterable[Prediction], SpectrogramConfig], Iterator[bytes]]
"""Takes predictions and the config of the bundle's images, yields a file's content in pieces.

Each piece can be written before the next recording is classified. A format with one file per
recording gets one prediction at a time.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFormat:
    """One format of answers.

    Attributes
    ----------
    name : str
        The value of ``--format``.
    description : str
        The label of its button in the app.
    suffix : str
        Ending of a file with the answer to one recording: ``<stem><suffix>``.
    media_type : str
    encode : Encode
    shared_file : str
        Name of the one file for all recordings; empty if each recording has its own.
    to_stdout : bool
        Whether it may go to standard output: UTF-8 text, one file for all.
    """

    name: str
    description: str
    suffix: str
    media_type: str
    encode: Encode
    shared_file: str = ""
    to_stdout: bool = False


def answer_format(name: str) -> AnswerFormat:
    """Look a format up.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    if name not in FORMATS:
        raise ConfigError(f"format must be one of {', '.join(FORMATS)}, got {name!r}")
    return FORMATS[name]


def encode_csv(
    predictions: Iterable[Prediction], spectrogram: SpectrogramConfig
) -> Iterator[bytes]:
    """Write the columns' names, then the detections of each recording; see `Encode`."""
    yield to_csv([]).encode()
    for prediction in predictions:
        yield to_csv([prediction], header=False).encode()


def encode_json(
    predictions: Iterable[Prediction], spectrogram: SpectrogramConfig
) -> Iterator[bytes]:
    """Write a line for each recording; see `Encode`."""
    for prediction in predictions:
        yield f"{to_json_line(prediction)}\n".encode()


def encode_kaleidoscope(
    predictions: Iterable[Prediction], spectrogram: SpectrogramConfig
) -> Iterator[bytes]:
    """Write the columns' names, then the detections of each recording; see `Encode`."""
    yield to_kaleidoscope([]).encode()
    for prediction in predictions:
        yield to_kaleidoscope([prediction], header=False).encode()


def encode_raven(
    predictions: Iterable[Prediction], spectrogram: SpectrogramConfig
) -> Iterator[bytes]:
    """Write the detections of one recording, as boxes over all frequencies; see `Encode`."""
    (prediction,) = predictions
    table = to_raven(prediction, low_hz=spectrogram.f_min_hz, high_hz=spectrogram.f_max_hz)
    yield table.encode()


def encode_audacity(
    predictions: Iterable[Prediction], spectrogram: SpectrogramConfig
) -> Iterator[bytes]:
    """Write the detections of one recording; see `Encode`."""
    (prediction,) = predictions
    yield to_audacity(prediction).encode()


FORMATS: dict[str, AnswerFormat] = {
    each.name: each
    for each in (
        AnswerFormat(
            name="csv",
            description="Detections as CSV",
            suffix=".csv",
            media_type="text/csv",
            encode=encode_csv,
            shared_file="results.csv",
            to_stdout=True,
        ),
        AnswerFormat(
            name="json",
            description="Everything as JSON",
            suffix=".jsonl",
            media_type="application/json",
            encode=encode_json,
            shared_file="results.jsonl",
            to_stdout=True,
        ),
        AnswerFormat(
            name="kaleidoscope",
            description="Kaleidoscope table",
            suffix=".kaleidoscope.csv",
            media_type="text/csv",
            encode=encode_kaleidoscope,
            shared_file="kaleidoscope.csv",
        ),
        AnswerFormat(
            name="raven",
            description="Raven selection table",
            suffix=".selections.txt",
            media_type="text/plain",
            encode=encode_raven,
        ),
        AnswerFormat(
            name="audacity",
            description="Audacity labels",
            suffix=".labels.txt",
            media_type="text/plain",
            encode=encode_audacity,
        ),
    )
}
"""Every format by its name, in the order in which they are offered."""
