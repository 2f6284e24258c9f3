"""Several channels to one: their mean, or the one channel in which the song is not lost.

A crossed wire makes two channels cancel each other; hiss or time code on one channel drowns the
other. So the mean is held against each channel, once a recording: by how far the most prominent
bands of its loudest moments stand above their background. Where channels differ little, which is
cheap to see, the mean is taken without a look at their spectra.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from birdsong.arrays import FloatArray

CHOICE_S = 60.0
"""The choice is made from so much sound that is not digital silence."""

_MOST_HELD = 1 << 25  # samples of all channels together: 128 MiB
_N_FRAMES = 256  # looked at, spread evenly
_FRAME_S = 0.023
_BANDS_HZ = (200.0, 11_000.0)
_N_BANDS = 32
_ALIKE_SHARE = 0.8  # of the loudest channel's power; less than this, and the mix lacks something
_CANCELS_SHARE = 0.2  # of the power that channels without anything in common add up to
_PLAINLY_DB = 8.0  # coherent noise alone makes 6 dB of difference
_SONG_DB = 12.0  # noise stands out by about 6
_LOUD_SHARE = 0.05  # of the frames, in which a song stands out
_QUIET_PERCENTILE = 20

_DEAD = 1e-3  # of a channel's own highest peak so far
_ALIVE = 0.03
_DEAD_BLOCKS = 2  # in a row
_EVERY = 16  # sample is enough to see whether a channel lives


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """Which channels are heard.

    Attributes
    ----------
    weights : float32, shape (n_channels,)
        By which the channels are added up.
    number : int
        Of the one channel that is used, from 1; 0 for the mean of all.
    """

    weights: FloatArray
    number: int = 0


def choose_channel(samples: FloatArray, sample_rate_hz: int) -> ChannelChoice:
    """Choose between the mean of all channels and one of them.

    Parameters
    ----------
    samples : float32, shape (n_samples, n_channels), n_channels at least 2
    sample_rate_hz : int

    Returns
    -------
    ChannelChoice
        One channel where the mean is much weaker than channels without anything in common would
        make it, or where one stands out by 8 dB more than the mean does; else the mean.
    """
    n_channels = samples.shape[1]
    mean = ChannelChoice(np.full(n_channels, 1 / n_channels, np.float32))
    frames = _frames(samples, sample_rate_hz)
    if len(frames) == 0:
        return mean
    steps = np.diff(frames, axis=1)  # without offsets and rumble
    powers = (steps**2).mean(axis=(0, 1))
    mixed_power = ((steps @ mean.weights) ** 2).mean()
    if mixed_power >= _ALIKE_SHARE * powers.max():
        return mean
    cancels = mixed_power < _CANCELS_SHARE * powers.mean() / n_channels
    mixed_db, *channels_db = _standing_out_db(frames, sample_rate_hz)
    best = int(np.argmax(channels_db))
    if not cancels and channels_db[best] < max(mixed_db + _PLAINLY_DB, _SONG_DB):
        return mean
    weights = np.zeros(n_channels, np.float32)
    weights[best] = 1
    return ChannelChoice(weights, best + 1)


def _frames(samples: FloatArray, sample_rate_hz: int) -> FloatArray:
    """Cut frames of equal distance, shape (n_frames, n_frame, n_channels)."""
    n_frame = 1 << max(4, round(np.log2(_FRAME_S * sample_rate_hz)))
    n_frames = min(_N_FRAMES, len(samples) // n_frame)
    starts = np.linspace(0, max(0, len(samples) - n_frame), n_frames).astype(int)
    cut: FloatArray = np.empty((n_frames, n_frame, samples.shape[1]), np.float32)
    for frame, start in zip(cut, starts, strict=True):
        frame[:] = samples[start : start + n_frame]
    live: FloatArray = cut[cut.any(axis=(1, 2))]
    return live


def _standing_out_db(frames: FloatArray, sample_rate_hz: int) -> list[float]:
    """By how much the song of the mean, then of each channel, stands above its background."""
    n_frame = frames.shape[1]
    window = np.hanning(n_frame).astype(np.float32)[:, np.newaxis]
    spectra = np.fft.rfft(frames * window, axis=1)
    spectra = np.concatenate([spectra.mean(axis=2, keepdims=True), spectra], axis=2)
    low_hz, high_hz = _BANDS_HZ
    edges_hz = np.geomspace(low_hz, min(high_hz, 0.48 * sample_rate_hz), _N_BANDS + 1)
    edges = np.unique(np.round(edges_hz * n_frame / sample_rate_hz).astype(int))
    power = np.add.reduceat(np.abs(spectra[:, : edges[-1]]) ** 2, edges[:-1], axis=1)
    decibels = 10 * np.log10(power + np.finfo(np.float32).tiny)
    excess = decibels - np.percentile(decibels, _QUIET_PERCENTILE, axis=0)
    excess -= np.maximum(np.median(excess, axis=1, keepdims=True), 0)  # clicks are in all bands
    loudest = np.sort(excess.max(axis=1), axis=0)[::-1]
    n_loud = max(1, round(_LOUD_SHARE * len(loudest)))
    highest: list[float] = loudest[:n_loud].mean(axis=0).tolist()
    return highest


class Downmix:
    """Blocks of several channels to blocks of one, with one choice for all of them.

    Blocks are held back until the choice is made.

    Parameters
    ----------
    n_channels : int
        At least 2.
    sample_rate_hz : int

    Attributes
    ----------
    channel : str
        ``mix``, or ``channel 1 of 2``; empty before the choice is made.
    notes : list of str
        That one channel was used, and which channels fell silent.
    """

    def __init__(self, n_channels: int, sample_rate_hz: int) -> None:
        self.channel = ""
        self.notes: list[str] = []
        self._n_channels, self._rate_hz = n_channels, sample_rate_hz
        self._choice: ChannelChoice | None = None
        self._held: list[FloatArray] = []
        self._n_held = self._n_sounding = 0
        self._highest = np.zeros(n_channels)
        self._dead_since = np.full(n_channels, -1.0)
        self._n_dead = np.zeros(n_channels, int)

    def feed(self, block: FloatArray, start_s: float) -> Iterator[FloatArray]:
        """Take a block, and hand out what is ready.

        Parameters
        ----------
        block : float32, shape (n_samples, n_channels)
        start_s : float
            Where it starts in the recording.

        Yields
        ------
        float32, shape (n_samples,)
        """
        self._watch(block, start_s)
        if self._choice is not None:
            yield block @ self._choice.weights
            return
        sounds = bool(block.any())
        if not sounds and not self._held:  # zero, whatever the choice will be
            yield np.zeros(len(block), np.float32)
            return
        self._held.append(block)
        self._n_held += block.size
        self._n_sounding += len(block) if sounds else 0
        if self._n_sounding >= CHOICE_S * self._rate_hz or self._n_held >= _MOST_HELD:
            yield from self.finish()

    def finish(self) -> Iterator[FloatArray]:
        """Choose by what there is, and hand out what was held back."""
        if self._choice is not None:
            return
        if not self._held:
            return
        sounding = [block for block in self._held if block.any()]
        self._choice = choose_channel(np.concatenate(sounding), self._rate_hz)
        self.channel = "mix"
        if number := self._choice.number:
            self.channel = f"channel {number} of {self._n_channels}"
            self.notes.append(f"{self.channel} was used: mixed with the others its song is lost")
        while self._held:
            yield self._held.pop(0) @ self._choice.weights

    def used(self) -> list[int]:
        """Return the numbers of the channels that are heard, from 1."""
        if self._choice is not None and self._choice.number:
            return [self._choice.number]
        return list(range(1, self._n_channels + 1))

    def fallen_silent(self) -> list[str]:
        """Say which of the channels that are heard fell silent while others went on, and when."""
        return [
            f"channel {number} of {self._n_channels} falls silent at "
            f"{self._dead_since[number - 1]:.0f} s"
            for number in self.used()
            if self._n_dead[number - 1] >= _DEAD_BLOCKS
        ]

    def _watch(self, block: FloatArray, start_s: float) -> None:
        peaks = np.abs(block[::_EVERY]).max(axis=0)
        np.maximum(self._highest, peaks, out=self._highest)
        dead = peaks <= _DEAD * self._highest
        others_live = bool((peaks > _ALIVE * self._highest).any())
        for channel in range(self._n_channels):
            if self._n_dead[channel] >= _DEAD_BLOCKS and not dead[channel] and others_live:
                continue  # it was told when it fell silent first
            if not dead[channel]:
                self._n_dead[channel] = 0
            elif others_live and self._highest[channel] > 0:
                if self._n_dead[channel] == 0:
                    self._dead_since[channel] = start_s
                self._n_dead[channel] += 1
