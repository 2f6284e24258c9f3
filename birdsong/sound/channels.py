"""Several channels to one: their mean, or the one channel in which the song is not lost.

A crossed wire makes two channels cancel each other; hiss or time code on one channel drowns the
other. So the mean is held against each channel, once a recording: by how far the most prominent
bands of its loudest moments stand above their background. Where channels differ little, which is
cheap to see, the mean is taken without a look at their spectra.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from birdsong.arrays import FloatArray

CHOICE_S = 60.0
"""The choice is made from so much sound that is not digital silence."""

_FRAMES_PER_S = 6  # of the first seconds
_FEWER_FROM_S, _FEWER_PER_S = 8.0, 1
_FRAME_S = 0.023
_MOST_KEPT = 1 << 23
"""Samples of all frames together, 32 MB: of many channels at a high rate fewer seconds count."""

_BANDS_HZ = (200.0, 11_000.0)
_N_BANDS = 32
_ALIKE_SHARE = 0.8  # of the loudest channel's power; less than this, and the mix lacks something
_CANCELS_SHARE = 0.2  # of the power that channels without anything in common add up to
_PLAINLY_DB = 8.0  # coherent noise alone makes 6 dB of difference
_AS_GOOD_DB = 1.0
_SONG_DB = 12.0  # noise stands out by about 6
_PLAIN_SONG_DB = 25.0
"""What stands out so far in the mean is not drowned; a channel of beeps stands out further."""

_LOUD_SHARE = 0.05  # of the frames, in which a song stands out
_QUIET_SHARE = 0.2

_DEAD = 1e-3  # of a channel's own highest peak so far
_ALIVE = 0.03
_DEAD_BLOCKS = 2  # in a row
_CANCELLED_BLOCKS, _CANCELLED_SHARE = 3, 0.05  # in a row; microphones apart come close to 0.1
_EVERY = 64  # sample is enough to see whether a channel lives


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


def mean_of(n_channels: int) -> ChannelChoice:
    """Return the choice of all channels alike."""
    return ChannelChoice(np.full(n_channels, 1 / n_channels, np.float32))


def choose_channel(frames: FloatArray, sample_rate_hz: int) -> ChannelChoice:
    """Choose between the mean of all channels and one of them.

    Parameters
    ----------
    frames : float32, shape (n_frames, n_channels, n_samples), n_channels at least 2
        Short stretches of the recording, from `cut_frames`.
    sample_rate_hz : int

    Returns
    -------
    ChannelChoice
        One channel where the mean is much weaker than channels without anything in common would
        make it, or where one stands out by 8 dB more than the mean does, in which no song is
        plain; else the mean.
    """
    n_frames, n_channels, _ = frames.shape
    mean = mean_of(n_channels)
    if n_frames == 0:
        return mean
    steps = np.diff(frames, axis=2)  # without offsets and rumble
    powers = np.einsum("ijk,ijk->j", steps, steps)
    mixed = np.einsum("ijk,j->ik", steps, mean.weights)
    mixed_power = np.einsum("ik,ik->", mixed, mixed)
    if mixed_power >= _ALIKE_SHARE * powers.max():
        return mean
    cancels = mixed_power < _CANCELS_SHARE * powers.mean() / n_channels
    mixed_db, *channels_db = _standing_out_db(frames, sample_rate_hz)
    as_good = np.array(channels_db) >= max(channels_db) - _AS_GOOD_DB
    best = int(np.argmax(np.where(as_good, powers, -1.0)))  # of those alike the loudest
    is_drowned = mixed_db < _PLAIN_SONG_DB
    is_better = channels_db[best] >= max(mixed_db + _PLAINLY_DB, _SONG_DB)
    if not cancels and not (is_drowned and is_better):
        return mean
    weights = np.zeros(n_channels, np.float32)
    weights[best] = 1
    return ChannelChoice(weights, best + 1)


def cut_frames(block: FloatArray, sample_rate_hz: int, n_per_s: int) -> FloatArray:
    """Cut some frames out of a block, at equal distances.

    Parameters
    ----------
    block : float32, shape (n_samples, n_channels)
    sample_rate_hz : int
    n_per_s : int
        Frames a second.

    Returns
    -------
    float32, shape (n_frames, n_channels, n_samples)
        Of about 23 ms each.
    """
    n_frame = 1 << max(4, round(math.log2(_FRAME_S * sample_rate_hz)))
    n_frames = min(len(block) // n_frame, -(-len(block) * n_per_s // sample_rate_hz))
    starts = [i * (len(block) - n_frame) // max(1, n_frames - 1) for i in range(n_frames)]
    cut: FloatArray = np.empty((n_frames, block.shape[1], n_frame), np.float32)
    for frame, start in zip(cut, starts, strict=True):
        frame[:] = block[start : start + n_frame].T
    return cut


def _standing_out_db(frames: FloatArray, sample_rate_hz: int) -> list[float]:
    """By how much the song of the mean, then of each channel, stands above its background."""
    n_frame = frames.shape[2]
    low_hz, high_hz = _BANDS_HZ
    edges_hz = np.geomspace(low_hz, min(high_hz, 0.48 * sample_rate_hz), _N_BANDS + 1)
    edges = np.unique(np.round(edges_hz * n_frame / sample_rate_hz).astype(int))
    spectra = np.fft.rfft(frames * np.hanning(n_frame).astype(np.float32), axis=2)
    spectra = spectra[:, :, : edges[-1]]
    spectra = np.concatenate([spectra.mean(axis=1, keepdims=True), spectra], axis=1)
    power = np.add.reduceat(spectra.real**2 + spectra.imag**2, edges[:-1], axis=2)
    decibels = 10 * np.log10(power + np.finfo(np.float32).tiny)
    excess = decibels - np.sort(decibels, axis=0)[int(_QUIET_SHARE * len(decibels))]
    middle = np.sort(excess, axis=2)[:, :, excess.shape[2] // 2]
    above = excess.max(axis=2) - np.maximum(middle, 0)  # clicks are in all bands
    loudest = np.sort(above, axis=0)[-max(1, round(_LOUD_SHARE * len(above))) :]
    highest: list[float] = loudest.mean(axis=0).tolist()
    return highest


def _some_steps(block: FloatArray) -> FloatArray:
    """Return some differences between neighbours, in which rumble counts little."""
    n = len(block) // _EVERY
    steps: FloatArray = block[1 : n * _EVERY : _EVERY] - block[0 : n * _EVERY : _EVERY]
    return steps


class Downmix:
    """Blocks of several channels to blocks of one, with one choice for all of them.

    The mean is handed out until the choice is made. Where it is another one, what was handed out
    is wrong, and the recording is to be read again with that choice.

    Parameters
    ----------
    n_channels : int
        At least 2.
    sample_rate_hz : int
    choice : ChannelChoice, optional
        That was made before.

    Attributes
    ----------
    choice : ChannelChoice or None
        None before it is made.
    has_sounded : bool
        Whether there was anything but digital silence, of which the choice makes nothing else.
    """

    def __init__(
        self, n_channels: int, sample_rate_hz: int, choice: ChannelChoice | None = None
    ) -> None:
        self.choice = choice
        self.has_sounded = False
        self._weights = choice.weights if choice else mean_of(n_channels).weights
        self._n_channels, self._rate_hz = n_channels, sample_rate_hz
        self._frames: list[FloatArray] = []
        self._n_sounding = self._n_kept = 0
        self._highest = np.zeros(n_channels)
        self._dead_since = np.full(n_channels, -1.0)
        self._n_dead = np.zeros(n_channels, int)
        self._n_cancelled, self._cancelled_since = 0, 0.0

    @property
    def channel(self) -> str:
        """``mix``, or ``channel 1 of 2``; empty before the choice is made."""
        if self.choice is None:
            return ""
        number = self.choice.number
        return f"channel {number} of {self._n_channels}" if number else "mix"

    def feed(self, block: FloatArray, start_s: float) -> FloatArray:
        """Mix a block down, and choose when there is enough to choose by.

        Parameters
        ----------
        block : float32, shape (n_samples, n_channels)
        start_s : float
            Where it starts in the recording.

        Returns
        -------
        float32, shape (n_samples,)
        """
        peaks = np.abs(block[::_EVERY].T.copy()).max(axis=1)
        self._watch(peaks, start_s)
        if self.choice is None and (peaks.any() or block.any()):
            self.has_sounded = True
            few = self._n_sounding >= _FEWER_FROM_S * self._rate_hz
            n_per_s = _FEWER_PER_S if few else _FRAMES_PER_S
            self._frames.append(cut_frames(block, self._rate_hz, n_per_s))
            self._n_sounding += len(block)
            self._n_kept += self._frames[-1].size
            if self._n_sounding >= CHOICE_S * self._rate_hz or self._n_kept >= _MOST_KEPT:
                self.choose()
        mono: FloatArray = block @ self._weights
        self._watch_mix(_some_steps(block), _some_steps(mono), start_s)
        return mono

    def choose(self) -> ChannelChoice:
        """Choose by what there was so far, unless it is done."""
        if self.choice is None:
            self.choice = mean_of(self._n_channels)
            if self._frames:
                self.choice = choose_channel(np.concatenate(self._frames), self._rate_hz)
            self._frames = []
        return self.choice

    def notes(self) -> list[str]:
        """Say that one channel was used, and which of those that are heard fell silent."""
        found = []
        if self.choice is not None and self.choice.number:
            found.append(f"{self.channel} was used: in the mix of all channels its song is lost")
        elif self._n_cancelled >= _CANCELLED_BLOCKS:
            found.append(
                f"from {self._cancelled_since:.0f} s on its channels cancel each other in the mix: "
                "what is in all of them is not heard there"
            )
        found += [
            f"channel {number} of {self._n_channels} falls silent at "
            f"{self._dead_since[number - 1]:.0f} s"
            for number in self._used()
            if self._n_dead[number - 1] >= _DEAD_BLOCKS
        ]
        return found

    def _used(self) -> list[int]:
        """Return the numbers of the channels that are heard, from 1."""
        if self.choice is not None and self.choice.number:
            return [self.choice.number]
        return list(range(1, self._n_channels + 1))

    def _watch_mix(self, steps: FloatArray, mixed: FloatArray, start_s: float) -> None:
        """Look whether the mean, which was chosen before, loses what comes later."""
        if self._n_cancelled >= _CANCELLED_BLOCKS:
            return  # it is told once
        power = float(np.vdot(steps, steps)) / self._n_channels
        if float(np.vdot(mixed, mixed)) >= _CANCELLED_SHARE * power / self._n_channels:
            self._n_cancelled = 0
            return
        if self._n_cancelled == 0:
            self._cancelled_since = start_s
        self._n_cancelled += 1

    def _watch(self, peaks: FloatArray, start_s: float) -> None:
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
