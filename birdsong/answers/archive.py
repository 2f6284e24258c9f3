"""Answers to several recordings in every format, as one ZIP in memory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

from birdsong.answers.exports import result_paths
from birdsong.answers.prediction import Prediction
from birdsong.answers.results import FILE_EACH, FORMATS, ONE_FILE, result_text
from birdsong.sound.spectrogram import SpectrogramConfig


def zip_results(
    predictions: Sequence[Prediction], stems: Sequence[str], spectrogram: SpectrogramConfig
) -> bytes:
    """Write predictions in all formats into an archive.

    Parameters
    ----------
    predictions : sequence of Prediction
    stems : sequence of str
        A distinct file name without ending for each, which nothing has to be taken out of.
    spectrogram : SpectrogramConfig
        Of the bundle.

    Returns
    -------
    bytes
        A ZIP: one file for all of each format of `ONE_FILE`, and a file for each recording that
        could be read of those of `FILE_EACH`.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for format in FORMATS:
            if format in ONE_FILE:
                archive.writestr(ONE_FILE[format], result_text(predictions, format, spectrogram))
                continue
            paths = result_paths(stems, FILE_EACH[format])
            for prediction, path in zip(predictions, paths, strict=True):
                if prediction.status == "ok":
                    text = result_text([prediction], format, spectrogram)
                    archive.writestr(f"{format}/{path.name}", text)
    return content.getvalue()
