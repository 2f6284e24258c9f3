"""Decoder of files from an AudioMoth with a trigger, in which marker blocks stand for gaps.

With a trigger, an AudioMoth writes ``20240513_043000T.WAV``. For each time that was too quiet it
writes one marker block of 512 bytes, at a multiple of 512 bytes in the file. The first 32 samples
are the bits of a number, lowest bit first, with 1 for a one and -1 for a zero; the other 224
samples are zero. The number counts the blocks that the recorder left out.

References
----------
.. [1] Open Acoustic Devices, AudioMoth-Firmware-Basic 1.11, which writes the blocks.
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from birdsong.arrays import FloatArray
from birdsong.sound.pcm_parts import PcmPart

_BLOCK_BYTES = 512
_N_SAMPLES = _BLOCK_BYTES // 2
_N_BITS = 32
_BLOCKS_AT_A_TIME = 2048  # a megabyte
_LONGEST_GAPS_S = 86_400.0
"""No recorder leaves out more; a marker block that claims more is taken as audio."""


def is_triggered_audiomoth(file: BinaryIO, part: PcmPart) -> bool:
    """Whether a file is from an AudioMoth with a trigger, by the comment in its header."""
    if (part.subtype, part.endian, part.n_channels) != ("PCM_16", "LITTLE", 1):
        return False
    start, end = part.header
    file.seek(start)
    header = file.read(min(end - start, 65_536))
    return b"AudioMoth" in header and (b"hreshold" in header or b"rigger" in header)


class AudioMothDecoder:
    """Audio with gaps filled by digital silence, so that all times are real times.

    Parameters
    ----------
    file : binary file
        Closed with the decoder.
    part : PcmPart
        The audio in it.
    """

    is_estimate = False
    is_float = False
    bits: int | None = 16

    def __init__(self, file: BinaryIO, part: PcmPart) -> None:
        self._file, self._part = file, part
        self.sample_rate_hz, self.n_channels = part.sample_rate_hz, 1
        self._first_block = min(-(-part.start // _BLOCK_BYTES) * _BLOCK_BYTES, part.end)
        self._at = part.start
        self._queue: list[int | FloatArray] = []  # a number is a count of zeros
        self._has_gaps = True
        gaps = self._all_gaps()
        if sum(gaps) > _LONGEST_GAPS_S * part.sample_rate_hz:
            self._has_gaps, gaps = False, []
        n_samples = part.n_frames - len(gaps) * _N_SAMPLES + sum(gaps)
        self.present_s: float | None = n_samples / part.sample_rate_hz
        self.declared_s: float | None = None if gaps else part.declared_s
        self.missing_s = 0.0
        self.warnings: tuple[str, ...] = ()
        if gaps:
            self.warnings = (
                f"its recorder left out {sum(gaps) / part.sample_rate_hz:.1f} s, in {len(gaps)} "
                f"gap{'s' if len(gaps) > 1 else ''}: all times include them",
            )
        self._at = part.start

    def read(self, n_frames: int) -> FloatArray:
        """Return the next samples, shape (n, 1)."""
        parts: list[FloatArray] = []
        n_wanted = n_frames
        while n_wanted > 0:
            if not self._queue and not self._queue_next():
                break
            first = self._queue.pop(0)
            if isinstance(first, int):
                n_taken = min(first, n_wanted)
                parts.append(np.zeros(n_taken, np.float32))
                rest: int | FloatArray = first - n_taken
                n_rest = first - n_taken
            else:
                n_taken = min(len(first), n_wanted)
                parts.append(first[:n_taken])
                rest = first[n_taken:]
                n_rest = len(first) - n_taken
            if n_rest:
                self._queue.insert(0, rest)
            n_wanted -= n_taken
        return np.concatenate([np.empty(0, np.float32), *parts])[:, np.newaxis]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _queue_next(self) -> bool:
        samples = self._next_samples()
        if samples is None:
            return False
        at = 0
        for block, n_gap in self._gaps_in(samples):
            if block * _N_SAMPLES > at:
                self._queue.append(_to_float(samples[at : block * _N_SAMPLES]))
            self._queue.append(n_gap)
            at = (block + 1) * _N_SAMPLES
        if at < len(samples):
            self._queue.append(_to_float(samples[at:]))
        return True

    def _next_samples(self) -> np.ndarray[tuple[int], np.dtype[np.int16]] | None:
        """Read up to the first block boundary, then several whole blocks at a time."""
        end = (
            self._first_block
            if self._at < self._first_block
            else self._at + _BLOCKS_AT_A_TIME * _BLOCK_BYTES
        )
        end = min(end, self._part.end)
        self._file.seek(self._at)
        content = self._file.read(end - self._at)
        content = content[: len(content) // 2 * 2]
        self._at += len(content)
        return np.frombuffer(content, "<i2") if content else None

    def _gaps_in(
        self, samples: np.ndarray[tuple[int], np.dtype[np.int16]]
    ) -> list[tuple[int, int]]:
        """Return the index of each marker block and the number of samples in its gap."""
        n_blocks = len(samples) // _N_SAMPLES if self._has_gaps else 0
        blocks = samples[: n_blocks * _N_SAMPLES].reshape(n_blocks, _N_SAMPLES)
        maybe = np.flatnonzero((np.abs(blocks[:, 0]) == 1) & (blocks[:, _N_BITS] == 0))
        gaps = []
        for block in maybe.tolist():
            bits = blocks[block, :_N_BITS]
            if blocks[block, _N_BITS:].any() or (np.abs(bits) != 1).any():
                continue
            n_gap = sum(1 << i for i in np.flatnonzero(bits == 1).tolist()) * _N_SAMPLES
            if n_gap <= _LONGEST_GAPS_S * self.sample_rate_hz:
                gaps.append((block, n_gap))
        return gaps

    def _all_gaps(self) -> list[int]:
        gaps: list[int] = []
        while (samples := self._next_samples()) is not None:
            gaps += [n_gap for _, n_gap in self._gaps_in(samples)]
        return gaps


def _to_float(samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> FloatArray:
    scaled: FloatArray = samples.astype(np.float32) / np.float32(32768)
    return scaled
