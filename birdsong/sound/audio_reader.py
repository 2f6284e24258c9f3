"""The audio reader: a path, bytes or samples to mono ``float32`` blocks at one sample rate.

All audio that birdsong uses comes through `AudioReader`. It reads block by block, so its memory
does not depend on the length of a recording.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np

from birdsong.arrays import FloatArray
from birdsong.errors import AudioError
from birdsong.sound.array_decoder import ArrayDecoder
from birdsong.sound.audio_info import AudioInfo
from birdsong.sound.block_buffer import BlockBuffer
from birdsong.sound.decoder import Decoder
from birdsong.sound.downmix import ChannelChoice, Downmix
from birdsong.sound.level_meter import LevelMeter
from birdsong.sound.open_decoder import open_decoder
from birdsong.sound.resampling import make_resampler
from birdsong.sound.waveform import AudioSource, Waveform

BLOCK_S = 1.0
_MAX_BLOCK_SAMPLES = 1 << 22  # of all channels together
_MAX_CHOICES = 8
"""Parts of a joined file for which a channel is chosen; later parts use the mean."""


class _RestartWithChannel(Exception):  # noqa: N818  # not an error
    """A single channel is better than the mean so far: decode again from the start."""


class AudioReader:
    """A recording as a stream of mono blocks at one sample rate.

    Parameters
    ----------
    source : Path, bytes or Waveform
        A file, the content of one, or samples.
    sample_rate_hz : int
        Rate of the blocks; other rates are resampled to it.
    name : str, optional
        What errors call the recording; the file's name by default.

    Attributes
    ----------
    info : AudioInfo
        What the header declares.
    channel : str
        The channel used: ``mix``, or ``channel 1 of 2``; empty for a mono file.
    duration_s : float
        Seconds decoded so far.
    peak_dbfs : float
        The loudest sample so far, in decibels relative to full scale; -inf in digital silence.
    clipped_share : float
        Share of the samples so far, in [0, 1], that reach full scale.

    Raises
    ------
    AudioError
        If the file is missing, empty, or in no format that libsndfile or FFmpeg reads.

    Examples
    --------
    >>> with AudioReader(Path("XC1.mp3"), 24_000) as reader:  # doctest: +SKIP
    ...     samples = np.concatenate(list(reader.blocks()))
    """

    def __init__(self, source: AudioSource, sample_rate_hz: int, *, name: str = "") -> None:
        self.name = name or (source.name if isinstance(source, Path) else "the recording")
        self.sample_rate_hz = sample_rate_hz
        self._source = source
        self._decoder = self._open()
        self._channel_choices: dict[int, ChannelChoice] = {}  # by the number of the part
        decoder = self._decoder
        self.info = AudioInfo(
            sample_rate_hz=decoder.sample_rate_hz,
            n_channels=decoder.n_channels,
            declared_s=None if decoder.is_estimate else decoder.declared_s,
            estimate_s=decoder.declared_s if decoder.is_estimate else None,
            present_s=decoder.present_s,
            bits=decoder.bits,
            is_float=decoder.is_float,
        )
        self._reset()

    def _open(self) -> Decoder:
        if isinstance(self._source, Waveform):
            return ArrayDecoder(self._source)
        return open_decoder(self._source, self.name)

    def _reset(self) -> None:
        """Reset all measurements to the state before the first block."""
        self._rate_hz, self._n_channels = self._decoder.sample_rate_hz, self._decoder.n_channels
        self._n_decoded = 0
        self._earlier_parts_s = 0.0  # of parts at other rates
        self._level_meter = LevelMeter(is_float=self.info.is_float, is_lossy=self.info.is_lossy)
        self._is_damaged = False
        self._rates_hz = [self._rate_hz]
        self._downmixes: dict[int, Downmix] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._decoder.close()

    @property
    def duration_s(self) -> float:
        """Seconds decoded so far."""
        return self._earlier_parts_s + self._n_decoded / self._rate_hz

    @property
    def missing_s(self) -> float:
        """Seconds that are declared or present in the file and have not been decoded."""
        return self.info.missing_s(self.duration_s) or self._decoder.missing_s

    @property
    def channel(self) -> str:
        """The channel used: ``mix``, or ``channel 1 of 2``; empty for a mono file."""
        return "; ".join(
            dict.fromkeys(each.channel for each in self._downmixes.values() if each.channel)
        )

    @property
    def peak_dbfs(self) -> float:
        """The loudest sample so far, in decibels relative to full scale."""
        return self._level_meter.peak_dbfs

    @property
    def is_quiet(self) -> bool:
        """Whether `warnings` reports the recording as silent or nearly silent."""
        return self._level_meter.is_quiet

    @property
    def clipped_share(self) -> float:
        """Share of the samples so far, of all channels, that reach full scale.

        Always 0 for floating point, which can hold larger values. In a lossy format it shows
        clipping from before the encoding.
        """
        return self._level_meter.clipped_share

    def blocks(self) -> Iterator[FloatArray]:
        """Decode, mix down to one channel and resample, a few seconds at a time.

        With several channels, the first minute is decoded before the first block is yielded,
        because it decides which channel to use.

        Yields
        ------
        float32, shape (n_samples,), values mostly in [-1, 1]
            Mono blocks at ``sample_rate_hz``; together they are the recording.

        Raises
        ------
        AudioError
            If decoding fails before the first sample, if a sample is not a number or is far
            over full scale, or if there are no samples.
        """
        n_yielded = 0
        while True:
            n_to_skip = n_yielded
            try:
                for block in self._mono_blocks():
                    new = block[n_to_skip:]
                    n_to_skip -= len(block) - len(new)
                    n_yielded += len(new)
                    yield new
                return
            except _RestartWithChannel:
                self._decoder.close()
                self._decoder = self._open()
                self._reset()

    def _mono_blocks(self) -> Iterator[FloatArray]:
        """Decode all blocks; raise `_RestartWithChannel` if the mean is the wrong choice.

        Blocks are buffered until the choice of channel is made.
        """
        resample = make_resampler(self._rate_hz, self.sample_rate_hz)
        downmix = self._downmix()
        buffer = BlockBuffer()
        while True:
            block = self._read_block()
            stream_format = self._decoder.sample_rate_hz, self._decoder.n_channels
            if len(block) == 0 or stream_format != (self._rate_hz, self._n_channels):
                self._choose_channel(downmix)
                yield from buffer.drain()
                if len(block) == 0:
                    break
                yield resample(np.empty(0, np.float32), True)
                self._start_part(*stream_format)
                resample = make_resampler(self._rate_hz, self.sample_rate_hz)
                downmix = self._downmix()
            self._measure_level(block)
            start_s = self.duration_s
            self._n_decoded += len(block)
            if downmix is None:
                yield resample(block[:, 0], False)
                continue
            mono = resample(downmix.mix_down(block, start_s), False)
            if downmix.choice is None and downmix.has_sound:
                buffer.append(mono)
                continue
            if downmix.choice is not None:
                self._choose_channel(downmix)
            yield from buffer.drain()
            yield mono
        if self._level_meter.n_samples == 0:
            raise AudioError(f"{self.name}: holds no samples, only a header")
        yield resample(np.empty(0, np.float32), True)

    def _choose_channel(self, downmix: Downmix | None) -> None:
        """Make the choice; raise `_RestartWithChannel` if it is not the mean that was used."""
        part = len(self._rates_hz)
        if downmix is None or part in self._channel_choices:
            return
        choice = downmix.choose()
        if len(self._channel_choices) < _MAX_CHOICES:
            self._channel_choices[part] = choice
            if choice.number:
                raise _RestartWithChannel

    def warnings(self, *, highest_hz: float) -> list[str]:
        """Warnings about a recording that was read to its end.

        Parameters
        ----------
        highest_hz : float
            The highest frequency in use.
        """
        found = [
            *self.info.length_warnings(self.duration_s, is_damaged=self._is_damaged),
            *self._decoder.warnings,
        ]
        for rate_hz in dict.fromkeys(self._rates_hz):
            if rate_hz < 2 * highest_hz:
                found.append(f"recorded at {rate_hz} Hz: nothing above {rate_hz // 2} Hz")
        for downmix in self._downmixes.values():
            found += downmix.warnings()
        found += self._level_meter.warnings()
        return list(dict.fromkeys(found))

    def _start_part(self, rate_hz: int, n_channels: int) -> None:
        """Continue with another sample rate or number of channels."""
        self._earlier_parts_s, self._n_decoded = self.duration_s, 0
        self._rate_hz, self._n_channels = rate_hz, n_channels
        self._rates_hz.append(rate_hz)

    def _downmix(self) -> Downmix | None:
        if self._n_channels == 1:
            return None
        part = len(self._rates_hz)
        downmix = Downmix(self._n_channels, self._rate_hz, self._channel_choices.get(part))
        self._downmixes[part] = downmix
        return downmix

    def _read_block(self) -> FloatArray:
        """Return the next frames, shape (n, n_channels); none where a damaged file breaks off."""
        n_frames = int(BLOCK_S * self._rate_hz)
        n_frames = max(1, min(n_frames, _MAX_BLOCK_SAMPLES // self._n_channels))
        try:
            return self._decoder.read(n_frames)
        except AudioError as error:
            if self._level_meter.n_samples == 0:
                raise AudioError(f"{self.name}: cannot be decoded ({error})") from error
            self._is_damaged = True
            return np.empty((0, self._n_channels), np.float32)

    def _measure_level(self, block: FloatArray) -> None:
        """Measure a block's level; raise `AudioError` for invalid samples."""
        bad_sample = self._level_meter.add(block)
        if bad_sample is not None:
            at_s = self.duration_s + bad_sample[0] / self._rate_hz
            raise AudioError(
                f"{self.name}: sample at {at_s:.3f} s is {block[bad_sample]}, expected a "
                "number between -1 and 1; export the file again from its original"
            )


def read_samples(source: AudioSource, sample_rate_hz: int) -> FloatArray:
    """Read a whole recording at once; for short ones.

    Parameters
    ----------
    source : Path, bytes or Waveform
    sample_rate_hz : int

    Returns
    -------
    float32, shape (n_samples,)

    Raises
    ------
    AudioError
        As `AudioReader` does.
    """
    with AudioReader(source, sample_rate_hz) as reader:
        return np.concatenate(list(reader.blocks()))
