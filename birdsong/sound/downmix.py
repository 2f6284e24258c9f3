"""Downmix of several channels to one: their mean, or one channel if the mean loses the song.

Channels of opposite polarity cancel each other, and hiss or time code on one channel masks the
other. So once per recording the mean is compared with each channel, by the signal-to-noise ratio of
the most prominent bands in the loudest frames. If the channels are much alike, which is cheap to
see, the mean is used without computing spectra.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from birdsong.arrays import FloatArray

CHOICE_S = 60.0
"""Seconds of audio, without digital silence, from which the choice is made."""

_FRAMES_PER_S = 6  # in the first seconds
_SPARSE_AFTER_S, _SPARSE_FRAMES_PER_S = 8.0, 1
_FRAME_S = 0.023
_MAX_KEPT_SAMPLES = 1 << 23
"""Samples in all frames, 32 MB: with many channels at a high rate, fewer seconds are used."""

_BANDS_HZ = (200.0, 11_000.0)
_N_BANDS = 32
_ENOUGH_POWER_SHARE = 0.8  # of the loudest channel's power: with less, the mix loses something
_CANCELLING_SHARE = 0.2  # of the power in the mix of uncorrelated channels
_MIN_ADVANTAGE_DB = 8.0  # coherent noise alone makes a difference of 6 dB
_TIE_DB = 1.0
_MIN_SONG_SNR_DB = 12.0  # noise alone has about 6
_CLEAR_SONG_SNR_DB = 25.0
"""A song with this ratio in the mean is not masked, even if a channel of beeps has a higher one."""

_LOUDEST_SHARE = 0.05  # of the frames
_BACKGROUND_SHARE = 0.2

_DEAD_LEVEL = 1e-3  # as a share of the channel's own highest peak so far
_LIVE_LEVEL = 0.03
_DEAD_BLOCKS = 2  # in a row
_CANCELLED_BLOCKS, _CANCELLED_POWER_SHARE = 3, 0.05  # in a row; microphones apart come close to 0.1
_SAMPLE_STRIDE = 64  # every 64th sample shows whether a channel is dead


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """The channels that are used.

    Attributes
    ----------
    weights : float32, shape (n_channels,)
        Weight of each channel in the sum.
    number : int
        The single channel that is used, from 1; 0 for the mean of all.
    """

    weights: FloatArray
    number: int = 0


def mean_of_channels(n_channels: int) -> ChannelChoice:
    """Return the choice with equal weights."""
    return ChannelChoice(np.full(n_channels, 1 / n_channels, np.float32))


def choose_channel(frames: FloatArray, sample_rate_hz: int) -> ChannelChoice:
    """Choose between the mean of all channels and one of them.

    Parameters
    ----------
    frames : float32, shape (n_frames, n_channels, n_samples), n_channels at least 2
        Short frames of the recording, from `sample_frames`.
    sample_rate_hz : int

    Returns
    -------
    ChannelChoice
        One channel if the mean is much weaker than that of uncorrelated channels would be, or if
        the channel's signal-to-noise ratio is 8 dB better and the mean has no clear song;
        otherwise the mean.
    """
    n_frames, n_channels, _ = frames.shape
    mean = mean_of_channels(n_channels)
    if n_frames == 0:
        return mean
    differences = np.diff(frames, axis=2)  # without offsets and rumble
    powers = np.einsum("ijk,ijk->j", differences, differences)
    mixed = np.einsum("ijk,j->ik", differences, mean.weights)
    mixed_power = np.einsum("ik,ik->", mixed, mixed)
    if mixed_power >= _ENOUGH_POWER_SHARE * powers.max():
        return mean
    cancels = mixed_power < _CANCELLING_SHARE * powers.mean() / n_channels
    mix_snr_db, *channel_snrs_db = _song_snr_db(frames, sample_rate_hz)
    is_tied = np.array(channel_snrs_db) >= max(channel_snrs_db) - _TIE_DB
    best = int(np.argmax(np.where(is_tied, powers, -1.0)))  # among ties the loudest
    is_drowned = mix_snr_db < _CLEAR_SONG_SNR_DB
    is_better = channel_snrs_db[best] >= max(mix_snr_db + _MIN_ADVANTAGE_DB, _MIN_SONG_SNR_DB)
    if not cancels and not (is_drowned and is_better):
        return mean
    weights = np.zeros(n_channels, np.float32)
    weights[best] = 1
    return ChannelChoice(weights, best + 1)


def sample_frames(block: FloatArray, sample_rate_hz: int, n_per_s: int) -> FloatArray:
    """Cut frames out of a block, at equal distances.

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
    frame_length = 1 << max(4, round(math.log2(_FRAME_S * sample_rate_hz)))
    n_frames = min(len(block) // frame_length, -(-len(block) * n_per_s // sample_rate_hz))
    starts = [i * (len(block) - frame_length) // max(1, n_frames - 1) for i in range(n_frames)]
    cut: FloatArray = np.empty((n_frames, block.shape[1], frame_length), np.float32)
    for frame, start in zip(cut, starts, strict=True):
        frame[:] = block[start : start + frame_length].T
    return cut


def _song_snr_db(frames: FloatArray, sample_rate_hz: int) -> list[float]:
    """Signal-to-noise ratio of the song in the mean, then in each channel."""
    frame_length = frames.shape[2]
    low_hz, high_hz = _BANDS_HZ
    edges_hz = np.geomspace(low_hz, min(high_hz, 0.48 * sample_rate_hz), _N_BANDS + 1)
    edges = np.unique(np.round(edges_hz * frame_length / sample_rate_hz).astype(int))
    spectra = np.fft.rfft(frames * np.hanning(frame_length).astype(np.float32), axis=2)
    spectra = spectra[:, :, : edges[-1]]
    spectra = np.concatenate([spectra.mean(axis=1, keepdims=True), spectra], axis=1)
    power = np.add.reduceat(spectra.real**2 + spectra.imag**2, edges[:-1], axis=2)
    decibels = 10 * np.log10(power + np.finfo(np.float32).tiny)
    excess = decibels - np.sort(decibels, axis=0)[int(_BACKGROUND_SHARE * len(decibels))]
    median = np.sort(excess, axis=2)[:, :, excess.shape[2] // 2]
    snr = excess.max(axis=2) - np.maximum(median, 0)  # clicks are in all bands
    loudest = np.sort(snr, axis=0)[-max(1, round(_LOUDEST_SHARE * len(snr))) :]
    loudest_snr_db: list[float] = loudest.mean(axis=0).tolist()
    return loudest_snr_db


def _subsampled_differences(block: FloatArray) -> FloatArray:
    """Return every 64th difference between neighbouring samples; differences reduce rumble."""
    n = len(block) // _SAMPLE_STRIDE
    differences: FloatArray = (
        block[1 : n * _SAMPLE_STRIDE : _SAMPLE_STRIDE]
        - block[0 : n * _SAMPLE_STRIDE : _SAMPLE_STRIDE]
    )
    return differences


class Downmix:
    """Mixes blocks of several channels down to one, with the same weights for all blocks.

    Until the choice is made, blocks are mixed by the mean. If the choice is a single channel, the
    recording must be read again with that choice.

    Parameters
    ----------
    n_channels : int
        At least 2.
    sample_rate_hz : int
    choice : ChannelChoice, optional
        Made by an earlier pass.

    Attributes
    ----------
    choice : ChannelChoice or None
        None until it is made.
    has_sound : bool
        Whether any block was more than digital silence, for which the choice makes no difference.
    """

    def __init__(
        self, n_channels: int, sample_rate_hz: int, choice: ChannelChoice | None = None
    ) -> None:
        self.choice = choice
        self.has_sound = False
        self._weights = choice.weights if choice else mean_of_channels(n_channels).weights
        self._n_channels, self._rate_hz = n_channels, sample_rate_hz
        self._frames: list[FloatArray] = []
        self._n_sound_samples = self._n_kept_samples = 0
        self._peak_of_channel = np.zeros(n_channels)
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

    def mix_down(self, block: FloatArray, start_s: float) -> FloatArray:
        """Mix a block down, and make the choice once there is enough audio.

        Parameters
        ----------
        block : float32, shape (n_samples, n_channels)
        start_s : float
            Where it starts in the recording.

        Returns
        -------
        float32, shape (n_samples,)
        """
        peaks = np.abs(block[::_SAMPLE_STRIDE].T.copy()).max(axis=1)
        self._check_dead_channels(peaks, start_s)
        if self.choice is None and (peaks.any() or block.any()):
            self.has_sound = True
            is_sparse = self._n_sound_samples >= _SPARSE_AFTER_S * self._rate_hz
            n_per_s = _SPARSE_FRAMES_PER_S if is_sparse else _FRAMES_PER_S
            self._frames.append(sample_frames(block, self._rate_hz, n_per_s))
            self._n_sound_samples += len(block)
            self._n_kept_samples += self._frames[-1].size
            if (
                self._n_sound_samples >= CHOICE_S * self._rate_hz
                or self._n_kept_samples >= _MAX_KEPT_SAMPLES
            ):
                self.choose()
        mono: FloatArray = block @ self._weights
        self._check_cancellation(
            _subsampled_differences(block), _subsampled_differences(mono), start_s
        )
        return mono

    def choose(self) -> ChannelChoice:
        """Make the choice from the audio so far, if it is not made yet."""
        if self.choice is None:
            self.choice = mean_of_channels(self._n_channels)
            if self._frames:
                self.choice = choose_channel(np.concatenate(self._frames), self._rate_hz)
            self._frames = []
        return self.choice

    def warnings(self) -> list[str]:
        """Warn about a single channel, cancelling channels, and channels that fell silent."""
        found = []
        if self.choice is not None and self.choice.number:
            found.append(f"{self.channel} was used: the mix of all channels would lose its song")
        elif self._n_cancelled >= _CANCELLED_BLOCKS:
            found.append(
                f"from {self._cancelled_since:.0f} s on its channels cancel each other in the mix: "
                "sound that is in all of them is lost there"
            )
        found += [
            f"channel {number} of {self._n_channels} falls silent at "
            f"{self._dead_since[number - 1]:.0f} s"
            for number in self._used_channels()
            if self._n_dead[number - 1] >= _DEAD_BLOCKS
        ]
        return found

    def _used_channels(self) -> list[int]:
        """Return the numbers of the channels that are used, from 1."""
        if self.choice is not None and self.choice.number:
            return [self.choice.number]
        return list(range(1, self._n_channels + 1))

    def _check_cancellation(
        self, differences: FloatArray, mixed: FloatArray, start_s: float
    ) -> None:
        """Check whether the mean, once chosen, loses later audio."""
        if self._n_cancelled >= _CANCELLED_BLOCKS:
            return  # one warning is enough
        power = float(np.vdot(differences, differences)) / self._n_channels
        if float(np.vdot(mixed, mixed)) >= _CANCELLED_POWER_SHARE * power / self._n_channels:
            self._n_cancelled = 0
            return
        if self._n_cancelled == 0:
            self._cancelled_since = start_s
        self._n_cancelled += 1

    def _check_dead_channels(self, peaks: FloatArray, start_s: float) -> None:
        np.maximum(self._peak_of_channel, peaks, out=self._peak_of_channel)
        is_dead = peaks <= _DEAD_LEVEL * self._peak_of_channel
        any_live = bool((peaks > _LIVE_LEVEL * self._peak_of_channel).any())
        for channel in range(self._n_channels):
            if self._n_dead[channel] >= _DEAD_BLOCKS and not is_dead[channel] and any_live:
                continue  # the warning gives the first time
            if not is_dead[channel]:
                self._n_dead[channel] = 0
            elif any_live and self._peak_of_channel[channel] > 0:
                if self._n_dead[channel] == 0:
                    self._dead_since[channel] = start_s
                self._n_dead[channel] += 1
