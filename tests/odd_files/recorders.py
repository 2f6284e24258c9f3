"""Dialects of recorders and cameras: gaps that blocks stand for, sound tracks that are silent.

A raw file of an AudioMoth that was triggered (``20240513_043000T.WAV``) leaves out what was not
worth keeping. A block of 512 bytes, at a place in the file that 512 divides, says how many such
blocks were left out there: its first 32 samples are the bits of the number, the lowest first, 1
for a one and -1 for a zero; the other 224 are zeros. The block is replaced by what it stands for.
Its header has 488 bytes, so that the sound before the first such place is 12 samples.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import partial

import numpy as np

from birdsong.arrays import FloatArray
from tests.odd_files.base import (
    ENDS_EARLY,
    RATE_HZ,
    SECONDS,
    OddFile,
    base,
    packets,
    tone,
)
from tests.odd_files.wav import chunk, pcm, wav

BLOCK_BYTES = 512
_HEADER_BYTES = 488
_BUFFER_BYTES = 32_768  # what the recorder keeps or leaves out at a time


def audiomoth_info() -> bytes:
    """The LIST chunk that an AudioMoth writes between its format and its sound."""
    comment = (
        b"Recorded at 04:30:00 13/05/2024 (UTC) by AudioMoth 24F319055FE4A4C6 at medium gain while "
        b"battery was 4.1V and temperature was 11.2C. Amplitude threshold was 512."
    )
    artist = b"AudioMoth 24F319055FE4A4C6"
    comment, artist = comment.ljust(384, b"\0"), artist.ljust(32, b"\0")
    return chunk(b"LIST", b"INFO" + chunk(b"ICMT", comment) + chunk(b"IART", artist))


def gap(n_blocks: int) -> bytes:
    """The block that stands for some that were left out."""
    bits = [1 if n_blocks >> i & 1 else -1 for i in range(32)]
    return struct.pack("<256h", *bits, *[0] * 224)


def _triggered(*, gaps_s: tuple[float, ...], seconds: float, suffix: str = ".WAV") -> OddFile:
    """Stretches of sound, each followed by a gap."""
    data, n_samples = b"", 0
    n_first = (BLOCK_BYTES - _HEADER_BYTES) // 2
    taken = 0
    song = np.tile(base(), 4)
    for number, gap_s in enumerate(gaps_s):
        n = round(seconds * RATE_HZ * 2 / _BUFFER_BYTES) * _BUFFER_BYTES // 2
        if number == 0:  # the header takes the place of the first samples
            n -= _HEADER_BYTES // 2
        data += pcm(song[taken : taken + n], "PCM_16")
        taken += n
        n_blocks = round(gap_s * RATE_HZ * 2 / _BUFFER_BYTES) * _BUFFER_BYTES // BLOCK_BYTES
        if n_blocks:
            data += gap(n_blocks)
        n_samples += n + n_blocks * BLOCK_BYTES // 2
    content = wav(song[:1], data=data, before=audiomoth_info())
    assert content.index(b"data") + 8 == _HEADER_BYTES
    assert n_first == 12
    return OddFile(
        "triggered", f"T{suffix}", content, n_samples / RATE_HZ, None,
        forbidden_warnings=("digital silence", *ENDS_EARLY),
    )  # fmt: skip


def _untriggered() -> OddFile:
    """An AudioMoth's file without a gap."""
    content = wav(base(), before=audiomoth_info())
    return OddFile("plain", ".WAV", content, SECONDS, SECONDS, same_answer=True, n_warnings=0)


def _gap_elsewhere() -> OddFile:
    """What looks like a gap in the file of another recorder is sound."""
    data = pcm(base(), "PCM_16")
    at = 512 * 400 - 44
    data = data[:at] + gap(1000) + data[at + BLOCK_BYTES :]
    return OddFile("other", ".WAV", wav(base(), data=data), SECONDS, SECONDS)


def video(tracks: list[FloatArray], format: str = "mp4") -> bytes:
    """A film of black frames with some sound tracks of AAC."""
    import av

    content = io.BytesIO()
    seconds = max(len(track) for track in tracks) / RATE_HZ
    with av.open(content, "w", format=format) as container:
        film = container.add_stream("mpeg4", rate=5)
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        streams = []
        for _ in tracks:
            stream = container.add_stream("aac", rate=RATE_HZ, layout="mono")
            stream.bit_rate = 96_000
            streams.append(stream)
        black = np.zeros((48, 64, 3), np.uint8)
        for number in range(round(5 * seconds)):
            frame = av.VideoFrame.from_ndarray(black, format="rgb24")
            frame.pts = number
            for packet in film.encode(frame):
                container.mux(packet)
        for packet in film.encode(None):
            container.mux(packet)
        for stream, track in zip(streams, tracks, strict=True):
            for packet in packets(stream, np.atleast_2d(track), RATE_HZ, "mono"):
                container.mux(packet)
    return content.getvalue()


def _video(tracks: list[str], format: str, used: int | None, suffix: str) -> OddFile:
    made = {"bird": base(), "silence": np.zeros_like(base()), "tone": tone(1000, SECONDS)}
    expected_warnings = (rf"track {used} of {len(tracks)}|track {used} was used",) if used else ()
    return OddFile(
        "video", suffix, video([made[each] for each in tracks], format), SECONDS, None,
        expected_warnings, ("digital silence", *ENDS_EARLY), same_answer=True, tolerance_s=0.15,
    )  # fmt: skip


CASES: dict[str, Callable[[], OddFile]] = {
    "AudioMoth": _untriggered,
    "AudioMoth, triggered": partial(_triggered, gaps_s=(5.0, 0.7, 20.0), seconds=2.0),
    "AudioMoth, triggered, .wav": partial(
        _triggered, gaps_s=(5.0, 0.0), seconds=4.0, suffix=".wav"
    ),
    "AudioMoth, triggered once in an hour": partial(_triggered, gaps_s=(3600.0, 0.0), seconds=2.0),
    "what looks like a gap, elsewhere": _gap_elsewhere,
    "mp4": partial(_video, ["bird"], "mp4", None, ".mp4"),
    "mp4, its first track silent": partial(_video, ["silence", "bird"], "mp4", 2, ".mp4"),
    "mov, its first track silent": partial(_video, ["silence", "bird"], "mov", 2, ".mov"),
    "mp4, its second track silent": partial(_video, ["bird", "silence"], "mp4", None, ".mp4"),
}
