"""Answers to several recordings in every format, as one ZIP in memory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

from birdsong.answers.export_formats import FORMATS
from birdsong.answers.prediction import Prediction
from birdsong.answers.result_files import result_bytes
from birdsong.answers.text_exports import result_paths
from birdsong.sound.spectrogram import SpectrogramConfig


def zip_results(
    predictions: Sequence[Prediction], stems: Sequence[str], spectrogram: SpectrogramConfig
) -> bytes:
    """Write predictions in all formats into an archive.

    Parameters
    ----------
    predictions : sequence of Prediction
    stems : sequence of str
        A distinct file name without suffix for each, safe on any file system.
    spectrogram : SpectrogramConfig
        Of the bundle.

    Returns
    -------
    bytes
        A ZIP with one file per format, or one per format and recording that could be read.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, each in FORMATS.items():
            if each.shared_file:
                content_of_all = result_bytes(predictions, name, spectrogram)
                archive.writestr(each.shared_file, content_of_all)
                continue
            paths = result_paths(stems, each.suffix)
            for prediction, path in zip(predictions, paths, strict=True):
                if prediction.status == "ok":
                    content_of_one = result_bytes([prediction], name, spectrogram)
                    archive.writestr(f"{name}/{path.name}", content_of_one)
    return content.getvalue()
