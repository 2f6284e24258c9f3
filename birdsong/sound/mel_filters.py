"""The mel filters: made once by librosa, then stored as an array.

A folder of images and a bundle each store them, so that workers and an install for classifying
alone do not need librosa.
"""

from __future__ import annotations

import io

import numpy as np

from birdsong.arrays import FloatArray
from birdsong.sound.spectrogram import SpectrogramConfig

FILTERS_FILE = "mel_filters.npy"
"""File name of the stored array."""


def mel_filters(config: SpectrogramConfig) -> FloatArray:
    """Triangular filters of the mel bands, from librosa.

    Parameters
    ----------
    config : SpectrogramConfig

    Returns
    -------
    float32, shape (n_mels, n_fft // 2 + 1)
        Row 0 is the lowest band. Each filter has a peak of 1, so a band sums the power in it.

    References
    ----------
    .. [1] Stevens, Volkmann & Newman (1937), the mel scale; HTK's formula.
    """
    import librosa

    filters: FloatArray = librosa.filters.mel(
        sr=config.sample_rate_hz,
        n_fft=config.n_fft,
        n_mels=config.n_mels,
        fmin=config.f_min_hz,
        fmax=config.f_max_hz,
        htk=True,
        norm=None,
    )
    return filters


def filters_to_bytes(filters: FloatArray) -> bytes:
    """Write filters as the content of an ``.npy`` file."""
    content = io.BytesIO()
    np.save(content, filters, allow_pickle=False)
    return content.getvalue()


def filters_from_bytes(content: bytes, config: SpectrogramConfig) -> FloatArray:
    """Read filters from the content of an ``.npy`` file, and check their shape.

    Returns
    -------
    float32, shape (n_mels, n_fft // 2 + 1)

    Raises
    ------
    ValueError
        If the content is not a single array of the expected shape and type.
    """
    expected = (config.n_mels, config.n_fft // 2 + 1)
    try:
        filters: FloatArray = np.load(io.BytesIO(content), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"cannot be read as an array ({error})") from error
    if not isinstance(filters, np.ndarray):  # an archive of several
        raise ValueError("expected one array, got an archive of arrays")
    if filters.shape != expected or filters.dtype != np.float32:
        raise ValueError(
            f"expected float32 of shape {expected}, got {filters.dtype} {filters.shape}"
        )
    return filters
