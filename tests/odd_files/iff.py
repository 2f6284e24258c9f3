"""AIFF, AIFC, CAF, AU and Wave64 whose sizes are wrong, or rightly unknown."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial

from tests.odd_files.base import ENDS_EARLY, RATE_HZ, SECONDS, OddFile, base
from tests.odd_files.wav import MORE_THAN_DECLARED, pcm

N_FRAMES = round(SECONDS * RATE_HZ)
N_BYTES = 2 * N_FRAMES


def extended(rate_hz: int) -> bytes:
    """A rate as the 80-bit float of AIFF."""
    exponent = rate_hz.bit_length() - 1
    return struct.pack(">HQ", 16383 + exponent, rate_hz << (63 - exponent))


def big_chunk(name: bytes, content: bytes, size: int | None = None) -> bytes:
    """A chunk of AIFF."""
    head = name + struct.pack(">I", len(content) if size is None else size)
    return head + content + b"\0" * (len(content) % 2)


def aiff(
    data: bytes,
    *,
    n_frames: int,
    sound_size: int | None = None,
    form_size: int | None = None,
    kind: bytes = b"AIFF",
    coding: bytes = b"NONE",
    n_bits: int = 16,
    behind: bytes = b"",
    rate_hz: int = RATE_HZ,
) -> bytes:
    """Build an AIFF or AIFC by hand."""
    common = struct.pack(">HIH", 1, n_frames, n_bits) + extended(rate_hz)
    version = b""
    if kind == b"AIFC":
        common += coding + b"\x03any\x00\x00"[:4]
        version = big_chunk(b"FVER", struct.pack(">I", 0xA2805140))
    size = len(data) + 8 if sound_size is None else sound_size
    body = (
        kind + version + big_chunk(b"COMM", common)
        + big_chunk(b"SSND", bytes(8) + data, size) + behind
    )  # fmt: skip
    return b"FORM" + struct.pack(">I", len(body) if form_size is None else form_size) + body


def caf(data: bytes, *, size: int, rate_hz: int = RATE_HZ) -> bytes:
    """Build a Core Audio file by hand; big-endian, 16 bits."""
    description = struct.pack(">d4sIIIII", float(rate_hz), b"lpcm", 0, 2, 1, 1, 16)
    return b"".join(
        (
            b"caff", struct.pack(">HH", 1, 0),
            b"desc", struct.pack(">q", len(description)), description,
            b"data", struct.pack(">q", size), bytes(4), data,
        )
    )  # fmt: skip


def au(data: bytes, *, size: int, rate_hz: int = RATE_HZ) -> bytes:
    """Build a file of Sun's and NeXT's by hand."""
    return b".snd" + struct.pack(">IIIII", 28, size & 0xFFFFFFFF, 3, rate_hz, 1) + bytes(4) + data


def w64(data: bytes, *, data_size: int, riff_size: int, rate_hz: int = RATE_HZ) -> bytes:
    """Build a Wave64 by hand; its sizes count the 24 bytes of a chunk's head."""
    tail = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    fmt = struct.pack("<HHIIHH", 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    riff = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
    return b"".join(
        (
            riff, struct.pack("<q", riff_size), b"wave" + tail,
            b"fmt " + tail, struct.pack("<q", 24 + len(fmt)), fmt,
            b"data" + tail, struct.pack("<q", data_size), data,
        )
    )  # fmt: skip


def _sized(
    name: str,
    suffix: str,
    content: bytes,
    declared_s: float | None,
    present_s: float = SECONDS,
    forbidden_warnings: tuple[str, ...] = ENDS_EARLY,
) -> OddFile:
    """A file of base's sound; what must be told follows from what is declared."""
    expected_warnings: tuple[str, ...] = ()
    if declared_s is not None and declared_s < present_s:
        expected_warnings = MORE_THAN_DECLARED
    if declared_s is not None and declared_s > present_s:
        expected_warnings, forbidden_warnings = ENDS_EARLY, ()
    return OddFile(
        name, suffix, content, present_s, declared_s, expected_warnings, forbidden_warnings,
        same_answer=present_s == SECONDS,
    )  # fmt: skip


def _aiff(kind: bytes, what: str) -> OddFile:
    big = pcm(base(), "PCM_16", big_endian=True)
    if kind == b"sowt":
        build = partial(aiff, pcm(base(), "PCM_16"), kind=b"AIFC", coding=b"sowt")
    elif kind == b"fl32":
        data = pcm(base(), "FLOAT", big_endian=True)
        build = partial(aiff, data, kind=b"AIFC", coding=b"fl32", n_bits=32)
    else:
        build = partial(aiff, big, kind=kind)
    n_data = N_BYTES * (2 if kind == b"fl32" else 1)
    suffix = ".aiff" if kind == b"AIFF" else ".aifc"
    third, rest = N_FRAMES // 3, n_data // 3
    behind = big_chunk(b"ANNO", b"a note of a kind") + big_chunk(b"ID3 ", b"ID3" + bytes(61))
    make = partial(_sized, f"{kind.decode()}, {what}", suffix)
    whole = build(n_frames=N_FRAMES)
    return {
        "honest": lambda: make(whole, SECONDS),
        "chunks behind": lambda: make(build(n_frames=N_FRAMES, behind=behind), SECONDS),
        "no size": lambda: make(build(n_frames=0, sound_size=0, form_size=0), None),
        "no size of its sound": lambda: make(build(n_frames=N_FRAMES, sound_size=0), SECONDS),
        "no number of frames": lambda: make(build(n_frames=0), SECONDS),
        "a third of its size": lambda: make(
            build(n_frames=third, sound_size=rest + 8, form_size=rest), third / RATE_HZ
        ),
        "twice its size": lambda: make(
            build(n_frames=2 * N_FRAMES, sound_size=2 * n_data + 8, form_size=2 * n_data),
            2 * SECONDS,
        ),
        "cut in half": lambda: make(whole[: len(whole) - n_data // 2], SECONDS, SECONDS / 2),
    }[what]()


def _simple(suffix: str, what: str) -> OddFile:
    """CAF, AU and Wave64, which state one size of their sound."""
    big = pcm(base(), "PCM_16", big_endian=True)

    def build(n: int) -> bytes:
        if suffix == ".caf":
            return caf(big, size=n if n < 0 else n + 4)
        if suffix == ".au":
            return au(big, size=n)
        size = n + 24 if n > 0 else n
        return w64(pcm(base(), "PCM_16"), data_size=size, riff_size=size + 80 if n > 0 else n)

    make = partial(_sized, f"{suffix}, {what}", suffix)
    third = N_BYTES // 3
    return {
        "honest": lambda: make(build(N_BYTES), SECONDS),
        "an unknown size": lambda: make(build(-1), None),
        "no size": lambda: make(build(0), None),
        "a third of its size": lambda: make(build(third), third / 2 / RATE_HZ),
        "twice its size": lambda: make(build(2 * N_BYTES), 2 * SECONDS),
        "cut in half": lambda: make(build(N_BYTES)[: -N_BYTES // 2], SECONDS, SECONDS / 2),
    }[what]()


def _piped(suffix: str) -> OddFile:
    """What FFmpeg and SoX write where they cannot go back to fill in the size."""
    little, big = pcm(base(), "PCM_16"), pcm(base(), "PCM_16", big_endian=True)
    if suffix == ".aiff":
        n_frames = 0x3F80_0000
        content = aiff(big, n_frames=n_frames, sound_size=0x7F00_0008, form_size=0x7F00_0050)
    elif suffix == ".w64":
        content = w64(little, data_size=(1 << 63) - 1, riff_size=-1)
    elif suffix == ".w64 begun anew":
        begun = w64(b"", data_size=24, riff_size=0)
        content = begun + w64(little, data_size=24, riff_size=0)
    else:
        content = caf(b"", size=4) + caf(big, size=4)
    return _sized(f"{suffix}, piped", suffix.split()[0], content, None, forbidden_warnings=(r".",))


_AIFF_FAULTS = (
    "honest", "chunks behind", "no size", "no size of its sound", "no number of frames",
    "a third of its size", "twice its size", "cut in half",
)  # fmt: skip
_FAULTS = (
    "honest", "an unknown size", "no size", "a third of its size", "twice its size", "cut in half",
)  # fmt: skip

CASES: dict[str, Callable[[], OddFile]] = (
    {
        f"{kind.decode()}, {what}": partial(_aiff, kind, what)
        for kind in (b"AIFF", b"AIFC", b"sowt", b"fl32")
        for what in _AIFF_FAULTS
    }
    | {
        f"{suffix}, {what}": partial(_simple, suffix, what)
        for suffix in (".caf", ".au", ".w64")
        for what in _FAULTS
        if (suffix, what) != (".w64", "an unknown size")  # Wave64 has no such thing
    }
    | {
        f"{suffix}, written into a pipe": partial(_piped, suffix)
        for suffix in (".aiff", ".w64", ".w64 begun anew", ".caf begun anew")
    }
)
