"""The mel spectrogram, and the config of the images that are made from it.

An image shows one segment of a recording: time from left to right, mel bands with the highest on
top, brightness in decibels above the segment's own background. It depends only on the samples of
its segment and on the `SpectrogramConfig`, so a recording of any length can be read as a stream.

Frames are not centred: frame ``t`` covers samples ``t * hop_length`` to ``t * hop_length + n_fft``.
Segments that start on a multiple of the hop therefore share their frames.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any, Self

import numpy as np

from birdsong.arrays import FloatArray
from birdsong.errors import AudioError, ConfigError

_FRAMES_AT_A_TIME = 104  # one second, which fits in the processor's cache
_BANDS_AT_A_TIME = 16
_MAX_BANDS, _MAX_FRAMES = 512, 4096
_MIN_BANDS = _MIN_FRAMES = 8
BAND_REGIONS = 4
"""Regions of mel bands, each with its own median in `activity.prominence`."""

LATER_FIELDS = {"background_share": 1.0, "n_mels": 64, "n_frames": 200}
"""Fields that came with later versions, and the values of files that lack them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrogramConfig:
    """How a segment becomes an image.

    Attributes
    ----------
    sample_rate_hz : int
        Rate to which every recording is resampled.
    n_fft : int
        Samples in a frame, and length of its Fourier transform.
    hop_length : int
        Samples from one frame to the next; `n_frames` hops are one segment.
    f_min_hz, f_max_hz : float
        Lower edge of the lowest and upper edge of the highest mel band.
    floor_db : float
        Power below this, in dB relative to full scale, counts as none.
    background_percentile : float, 0 to 100
        Percentile over time of a band's level that is taken as its background.
    background_spread_db : float
        A band's background is at most this far below the median band's, so that the empty bands of
        a low-passed recording stay dark.
    background_share : float, 0 to 1
        Share of the difference between a band's background and the median band's that is
        subtracted. At 1 every band's own background is dark, and so is a song with few pauses; at
        0 one level is dark in all bands, and rushing water is bright.
    darkest_db, brightest_db : float
        Levels above the background that become grey 0 and grey 255.
    n_mels : int, 8 to 512, a multiple of 4
        Mel bands, and so rows of an image.
    n_frames : int, 8 to 4096
        Frames of a segment, and so columns of an image.

    Raises
    ------
    ConfigError
        If a field is out of range.
    """

    sample_rate_hz: int = 24_000
    n_fft: int = 512
    hop_length: int = 240
    f_min_hz: float = 200.0
    f_max_hz: float = 11_000.0
    floor_db: float = -100.0
    background_percentile: float = 20.0
    background_spread_db: float = 30.0
    background_share: float = 0.5
    darkest_db: float = 0.0
    brightest_db: float = 50.0
    n_mels: int = 64
    n_frames: int = 200

    def __post_init__(self) -> None:
        def check(condition: bool, field: str, expected: str) -> None:
            if not condition:
                got = getattr(self, field)
                raise ConfigError(f"SpectrogramConfig.{field} must be {expected}, got {got!r}")

        check(self.sample_rate_hz > 0, "sample_rate_hz", "greater than 0")
        check(self.n_fft >= 64, "n_fft", "at least 64 samples")
        check(0 < self.hop_length <= self.n_fft, "hop_length", "in 1..n_fft, so no sample is lost")
        check(0 <= self.f_min_hz < self.f_max_hz, "f_min_hz", "at least 0 and below f_max_hz")
        check(
            self.f_max_hz <= self.sample_rate_hz / 2,
            "f_max_hz",
            f"at most half the sample rate, {self.sample_rate_hz / 2:g}",
        )
        check(0 <= self.background_percentile <= 100, "background_percentile", "in 0..100")
        check(self.background_spread_db >= 0, "background_spread_db", "at least 0")
        check(0 <= self.background_share <= 1, "background_share", "in 0..1")
        check(self.brightest_db > self.darkest_db, "brightest_db", "above darkest_db")
        check(
            self.n_mels % BAND_REGIONS == 0 and _MIN_BANDS <= self.n_mels <= _MAX_BANDS,
            "n_mels",
            f"a multiple of {BAND_REGIONS} in {_MIN_BANDS}..{_MAX_BANDS}, because song activity is "
            f"measured in {BAND_REGIONS} regions of bands",
        )
        check(
            _MIN_FRAMES <= self.n_frames <= _MAX_FRAMES,
            "n_frames",
            f"in {_MIN_FRAMES}..{_MAX_FRAMES}",
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows (mel bands) and columns (frames) of an image."""
        return self.n_mels, self.n_frames

    @property
    def segment_s(self) -> float:
        """Seconds from the first frame of a segment to the first of the next: `n_frames` hops."""
        return self.n_frames * self.hop_length / self.sample_rate_hz

    @property
    def frames_per_s(self) -> float:
        """Frames in a second."""
        return self.sample_rate_hz / self.hop_length

    @property
    def segment_samples(self) -> int:
        """Samples from the start of the first frame of an image to the end of the last."""
        return (self.n_frames - 1) * self.hop_length + self.n_fft

    @property
    def grey_db(self) -> float:
        """Decibels of one grey level."""
        return (self.brightest_db - self.darkest_db) / 255

    def fingerprint(self) -> str:
        """Hash of every field; images with the same fingerprint can be mixed."""
        return _fingerprint(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values.

        Fields of later versions are left out at their defaults, so that old fingerprints stay
        valid.
        """
        return {
            name: value
            for name, value in asdict(self).items()
            if name not in LATER_FIELDS or value != LATER_FIELDS[name]
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Make a config from the result of `to_dict`.

        Raises
        ------
        ConfigError
            If a field is missing, unknown or of another type, or a value is out of range.
        """
        types: dict[str, Any] = {field.name: type(field.default) for field in fields(cls)}
        values = {**LATER_FIELDS, **values}
        if set(values) != set(types):
            wrong = sorted(set(values) ^ set(types))
            raise ConfigError(f"missing or unknown spectrogram fields: {', '.join(wrong)}")
        for name, kind in types.items():
            number = values[name]
            if isinstance(number, bool) or not isinstance(number, (int, kind)):
                raise ConfigError(f"SpectrogramConfig.{name} must be a number, got {number!r}")
        return cls(**{name: kind(values[name]) for name, kind in types.items()})


SPECTROGRAM_SHAPE = SpectrogramConfig().shape
"""Rows and columns of images with the default config."""


@cache  # it is written into every image
def _fingerprint(config: SpectrogramConfig) -> str:
    canonical = json.dumps(config.to_dict(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def mel_power_db(samples: FloatArray, config: SpectrogramConfig, filters: FloatArray) -> FloatArray:
    """Log-power mel spectrogram, without padding.

    Row ``m``, column ``t`` is the power in mel band ``m`` over the frame that starts
    ``t * config.hop_length`` samples in, in decibels relative to a full-scale sine.

    Parameters
    ----------
    samples : float32, shape (n_samples,), values in [-1, 1]
        Mono waveform at ``config.sample_rate_hz``.
    config : SpectrogramConfig
    filters : float32, shape (n_mels, n_fft // 2 + 1)
        From `mel_filters.mel_filters` for the same config.

    Returns
    -------
    float32, shape (n_mels, 1 + (n_samples - n_fft) // hop_length), values at least ``floor_db``

    Raises
    ------
    AudioError
        If `samples` is not one-dimensional, is shorter than one frame, or holds a NaN or an
        infinity.
    """
    return _mel_power_db(samples, config, _filter_groups(filters))


def _mel_power_db(
    samples: FloatArray, config: SpectrogramConfig, groups: Sequence[_FilterGroup]
) -> FloatArray:
    if samples.ndim != 1 or len(samples) < config.n_fft:
        raise AudioError(
            f"expected one channel of at least {config.n_fft} samples, got shape {samples.shape}"
        )
    n_frames = 1 + (len(samples) - config.n_fft) // config.hop_length
    (stride,) = samples.strides
    frames = np.lib.stride_tricks.as_strided(
        samples, (n_frames, config.n_fft), (config.hop_length * stride, stride), writeable=False
    )
    window = _hann_window(config.n_fft)
    power = np.empty((n_frames, config.n_mels), np.float32)
    spectra = np.empty((_FRAMES_AT_A_TIME, config.n_fft // 2 + 1), np.complex64)  # once: faster
    for first in range(0, n_frames, _FRAMES_AT_A_TIME):
        part = slice(first, first + _FRAMES_AT_A_TIME)
        windowed = frames[part] * window
        spectrum = spectra[: len(windowed)]
        np.fft.rfft(windowed, axis=1, out=spectrum)  # type: ignore[arg-type]  # of 32 bits as well
        squares = spectrum.view(np.float32)
        np.square(squares, out=squares)
        for group in groups:
            power[part, group.bands] = squares[:, group.columns] @ group.weights
    floor = np.float32(10 ** (config.floor_db / 10))
    decibels: FloatArray = 10 * np.log10(np.maximum(power, floor)).T
    if not np.isfinite(decibels).all():
        raise AudioError("the samples hold a NaN or an infinity, expected numbers between -1 and 1")
    return decibels


def mel_power_db_blocks(
    blocks: Iterable[FloatArray], config: SpectrogramConfig, filters: FloatArray
) -> Iterator[FloatArray]:
    """`mel_power_db` of a stream: the same frames for any size of blocks.

    Parameters
    ----------
    blocks : iterable of float32, shape (n_samples,)
        Consecutive blocks of one recording at ``config.sample_rate_hz``.
    config : SpectrogramConfig
    filters : float32, shape (n_mels, n_fft // 2 + 1)

    Yields
    ------
    float32, shape (n_mels, n_frames)
        Consecutive frames; frames that would reach past the last sample are left out.
    """
    groups = _filter_groups(filters)
    rest = np.empty(0, np.float32)
    for block in blocks:
        rest = np.concatenate([rest, block])
        n_frames = 1 + (len(rest) - config.n_fft) // config.hop_length
        if n_frames > 0:
            n_samples = (n_frames - 1) * config.hop_length + config.n_fft
            yield _mel_power_db(rest[:n_samples], config, groups)
            rest = rest[n_frames * config.hop_length :]


@dataclass(frozen=True, slots=True)
class _FilterGroup:
    """Some mel filters, cut to the bins in which they are not zero.

    `columns` index a spectrum whose real and imaginary parts alternate; each weight is there twice,
    once for each part. So the matrix product also sums the power of a bin.
    """

    bands: slice
    columns: slice
    weights: FloatArray


def _filter_groups(filters: FloatArray) -> list[_FilterGroup]:
    """Cut mel filters into groups; most of the whole matrix is zeros."""
    groups = []
    for first in range(0, len(filters), _BANDS_AT_A_TIME):
        bands = slice(first, first + _BANDS_AT_A_TIME)
        reached = np.flatnonzero(filters[bands].any(axis=0))
        low, end = (reached[0], reached[-1] + 1) if len(reached) else (0, 1)
        weights = np.repeat(filters[bands, low:end].T, 2, axis=0)
        groups.append(_FilterGroup(bands, slice(2 * low, 2 * end), weights))
    return groups


@cache
def _hann_window(n_fft: int) -> FloatArray:
    """Periodic Hann window, scaled so that a full-scale sine has power 1 in its bin."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    scaled: FloatArray = (2 * window / window.sum()).astype(np.float32)
    return scaled
