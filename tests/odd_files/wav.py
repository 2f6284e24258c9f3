"""WAV: sizes that are wrong, chunks before and behind the sound, files joined."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from itertools import product

import numpy as np

from birdsong.arrays import FloatArray
from tests.odd_files.base import ENDS_EARLY, RATE_HZ, SECONDS, OddFile, base, tone, written

_BITS = {"PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64}
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
MORE_THAN_DECLARED = (r"header declares",)


def pcm(samples: FloatArray, coding: str, *, big_endian: bool = False) -> bytes:
    """Sample frames as they lie in a `data` chunk."""
    order = ">" if big_endian else "<"
    if coding == "FLOAT":
        return samples.astype(f"{order}f4").tobytes()
    if coding == "DOUBLE":
        return samples.astype(f"{order}f8").tobytes()
    n_bits = _BITS[coding]
    full = 2.0 ** (n_bits - 1)
    values = np.clip(np.rint(samples.astype(np.float64) * full), -full, full - 1).astype(np.int64)
    if coding == "PCM_U8":
        return (values + 128).astype(np.uint8).tobytes()
    if coding != "PCM_24":
        return values.astype(f"{order}i{n_bits // 8}").tobytes()
    four = values.astype(f"{order}i4").reshape(-1, 1).view(np.uint8)
    return (four[:, 1:] if big_endian else four[:, :3]).tobytes()


def chunk(name: bytes, content: bytes, *, padded: bool = True, size: int | None = None) -> bytes:
    """A chunk of RIFF; one of odd size has a byte of padding."""
    head = name + struct.pack("<I", len(content) if size is None else size)
    return head + content + (b"\0" if padded and len(content) % 2 else b"")


def wav(
    samples: FloatArray,
    *,
    rate_hz: int = RATE_HZ,
    coding: str = "PCM_16",
    form: str = "RIFF",
    extensible: bool = False,
    before: bytes = b"",
    behind: bytes = b"",
    data_size: int | None = None,
    riff_size: int | None = None,
    ds64_sizes: tuple[int, int] | None = None,
    data: bytes | None = None,
) -> bytes:
    """Build a WAV by hand; every size that is not given is right.

    `before` and `behind` are whole chunks around the sound; `ds64_sizes` are those of RIFF and of
    the sound in RF64. `data` stands in for the encoded samples.
    """
    big = form == "RIFX"
    order = ">" if big else "<"
    n_channels = 1 if samples.ndim == 1 else samples.shape[1]
    if data is None:
        data = pcm(samples, coding, big_endian=big)
    n_bytes = _BITS[coding] // 8
    tag = 3 if coding in ("FLOAT", "DOUBLE") else 1
    fmt = struct.pack(
        f"{order}HHIIHH", 0xFFFE if extensible else tag, n_channels, rate_hz,
        rate_hz * n_channels * n_bytes, n_channels * n_bytes, 8 * n_bytes,
    )  # fmt: skip
    if extensible:
        mask = (1 << n_channels) - 1
        fmt += struct.pack(f"{order}HHIH", 22, 8 * n_bytes, mask, tag) + _GUID_TAIL
    pad = b"\0" if len(data) % 2 else b""
    wide = form in ("RF64", "BW64")
    head = b"fmt " + struct.pack(f"{order}I", len(fmt)) + fmt + before
    n_ds64 = 36 if wide else 0
    right_riff = 4 + n_ds64 + len(head) + 8 + len(data) + len(pad) + len(behind)
    if wide:
        riff64, data64 = ds64_sizes or (right_riff, len(data))
        frames = data64 // (n_channels * n_bytes)
        head = chunk(b"ds64", struct.pack("<QQQI", riff64, data64, frames, 0)) + head
    said = (0xFFFFFFFF if wide else len(data)) if data_size is None else data_size
    said_riff = (0xFFFFFFFF if wide else right_riff) if riff_size is None else riff_size
    return b"".join(
        (
            form.encode(), struct.pack(f"{order}I", said_riff), b"WAVE", head,
            b"data", struct.pack(f"{order}I", said), data, pad, behind,
        )
    )  # fmt: skip


GUANO = (
    b"GUANO|Version: 1.0\nMake: Nobody\nModel: None\nTimestamp: 2024-05-13T04:30:00+02:00\n"
    b"Loc Position: 52.1 5.2\nTE: 1\nNote: a dawn chorus\n"
)
_WAMD = b"\0\0\x02\0\0\0\x01\0" + b"\x01\0\x03\0\0\0SM4" + bytes(range(64)) * 4
_INFO = b"INFO" + chunk(b"ISFT", b"a program\0") + chunk(b"ICMT", b"a comment of some length\0")
_CUE = struct.pack("<I", 1) + struct.pack("<II4sIII", 1, 48_000, b"data", 0, 0, 48_000)
_ID3 = b"ID3\x03\x00\x00\x00\x00\x00\x40" + b"TIT2" + bytes(60)
_BEXT = b"a description".ljust(256, b"\0") + bytes(346)
BEHIND = {
    "guan": chunk(b"guan", GUANO + b"x" * (len(GUANO) % 2)),
    "guan of odd size": chunk(b"guan", GUANO + b"x" * (1 - len(GUANO) % 2)),
    "wamd": chunk(b"wamd", _WAMD + b"\0" * (len(_WAMD) % 2)),
    "LIST": chunk(b"LIST", _INFO),
    "cue": chunk(b"cue ", _CUE),
    "id3": chunk(b"id3 ", _ID3),
    "LIST, cue and guan": chunk(b"LIST", _INFO) + chunk(b"cue ", _CUE) + chunk(b"guan", GUANO),
    "a large wamd": chunk(b"wamd", bytes(200_000)),
}
_NO_PAD = chunk(b"guan", GUANO + b"x" * (1 - len(GUANO) % 2), padded=False)

N_BYTES = 2 * round(SECONDS * RATE_HZ)
SIZES = {
    # what: size of data, size of RIFF, seconds declared or None, warnings
    "no size": (0, 0, None, ()),
    "no size, RIFF of 36": (0, 36, None, ()),
    "no size, RIFF of 4088": (0, 4088, None, ()),
    "a size of 44": (44, 80, 44 / 2 / RATE_HZ, MORE_THAN_DECLARED),
    "a size of 44, RIFF of 36": (44, 36, 44 / 2 / RATE_HZ, MORE_THAN_DECLARED),
    "a size of 0xFFFFFFFF": (0xFFFFFFFF, 0xFFFFFFFF, None, ()),
    "a size of 0xFFFFFFFF, RIFF of 0": (0xFFFFFFFF, 0, None, ()),
    "a size of 0x7FFFFFFF": (0x7FFFFFFF, 0x7FFFFFFF, None, ()),
    "a size of 0x7FFFF000": (0x7FFFF000, 0x7FFFF024, None, ()),
    "a size of two seconds": (4 * RATE_HZ, 36 + 4 * RATE_HZ, 2.0, MORE_THAN_DECLARED),
    "an odd size of two seconds": (4 * RATE_HZ + 1, 38 + 4 * RATE_HZ, 2.0, MORE_THAN_DECLARED),
    "a right size, RIFF of 0": (N_BYTES, 0, SECONDS, ()),
    "a right size, RIFF of 36": (N_BYTES, 36, SECONDS, ()),
}


def _sized(what: str, behind: str) -> OddFile:
    data_size, riff_size, declared_s, expected_warnings = SIZES[what]
    content = wav(base(), data_size=data_size, riff_size=riff_size, behind=BEHIND.get(behind, b""))
    swallowed = data_size > N_BYTES  # a chunk of some hundred bytes may be heard as sound
    return OddFile(
        what, ".wav", content, SECONDS, declared_s, expected_warnings, same_answer=True,
        tolerance_s=len(BEHIND.get(behind, b"")) / 2 / RATE_HZ if swallowed else 0.5 / RATE_HZ,
    )  # fmt: skip


def _honest(*, behind: bytes = b"", before: bytes = b"") -> OddFile:
    content = wav(base(), behind=behind, before=before)
    return OddFile("honest", ".wav", content, SECONDS, SECONDS, same_answer=True, n_warnings=0)


def _coded(coding: str, form: str, extensible: bool, what: str) -> OddFile:
    """A coding and a form with one of the sizes that are wrong."""
    n_data = len(pcm(base(), coding))
    build = partial(wav, base(), coding=coding, form=form, extensible=extensible)
    wide = form in ("RF64", "BW64")

    def sized(n: int) -> bytes:
        return build(ds64_sizes=(n + 72, n)) if wide else build(data_size=n, riff_size=n + 36)

    name = f"{coding} {form}, {what}"
    make = partial(OddFile, name, ".wav", same_answer=True)
    if what == "honest":
        return make(build(), SECONDS, SECONDS)
    if what == "no size":
        return make(sized(0), SECONDS, None)
    if what == "a third of its size":
        size = n_data // 24 * 8
        return make(sized(size), SECONDS, SECONDS * size / n_data, MORE_THAN_DECLARED)
    if what == "twice its size":
        return make(sized(2 * n_data), SECONDS, 2 * SECONDS, ENDS_EARLY, ())
    assert what == "cut in half"
    head = len(build()) - n_data
    return OddFile(
        name, ".wav", build()[: head + n_data // 2], SECONDS / 2, SECONDS, ENDS_EARLY, ()
    )


def _compressed(coding: str, what: str) -> OddFile:
    """ADPCM, of which a block of samples takes a block of bytes."""
    whole = written(base(), RATE_HZ, "WAV", coding)
    at = whole.index(b"data") + 4
    n_data = int.from_bytes(whole[at : at + 4], "little")

    def sized(n: int, n_there: int = n_data) -> bytes:
        return whole[:at] + struct.pack("<I", n) + whole[at + 4 : at + 4 + n_there]

    fmt = whole.index(b"fmt ") + 8
    n_block, n_samples = struct.unpack("<H4xH", whole[fmt + 12 : fmt + 20])
    seconds = n_data / n_block * n_samples / RATE_HZ  # the last blocks are filled up
    third, half = (n_data // n // n_block * n_block for n in (3, 2))
    content, present_s, declared_s, expected_warnings = {
        "honest": (sized(n_data), seconds, seconds, ()),
        "no size": (sized(0), seconds, None, ()),
        "a size of 0xFFFFFFFF": (sized(0xFFFFFFFF), seconds, None, ()),
        "a third of its size": (sized(third), seconds, seconds * third / n_data, (".",)),
        "twice its size": (sized(2 * n_data), seconds, 2 * seconds, ENDS_EARLY),
        "cut in half": (sized(n_data, half), seconds * half / n_data, seconds, ENDS_EARLY),
        "joined": (sized(n_data) + wav(base()), seconds + SECONDS, None, ("2 recordings",)),
    }[what]
    return OddFile(
        f"{coding}, {what}", ".wav", content, present_s, declared_s, expected_warnings,
        () if expected_warnings == ENDS_EARLY else ENDS_EARLY, tolerance_s=0.03,
    )  # fmt: skip


def _modulo() -> OddFile:
    """76 s of which the header declares 10, as if it counted modulo a power of two."""
    rate_hz = 16_000
    samples = np.tile(base()[::3], 10)[: 76 * rate_hz]
    size = 20 * rate_hz
    content = wav(samples, rate_hz=rate_hz, data_size=size, riff_size=size + 36)
    return OddFile("modulo", ".wav", content, 76.0, 10.0, MORE_THAN_DECLARED)


def _half(behind: bytes) -> OddFile:
    """A size that claims twice what there is, and a chunk behind the sound."""
    content = wav(base(), data_size=2 * N_BYTES, riff_size=2 * N_BYTES + 36, behind=behind)
    return OddFile(
        "twice", ".wav", content, SECONDS, 2 * SECONDS, ENDS_EARLY, (), same_answer=True,
        tolerance_s=len(behind) / 2 / RATE_HZ,
    )  # fmt: skip


def _empty_data_first() -> OddFile:
    whole = wav(base())
    at = whole.index(b"data")
    content = whole[:at] + chunk(b"data", b"") + whole[at:]
    return OddFile("empty data", ".wav", content, SECONDS, SECONDS, same_answer=True)


def _two_data(between: bytes) -> OddFile:
    """A recorder that begins a new chunk after it was paused."""
    data, half = pcm(base(), "PCM_16"), N_BYTES // 2
    behind = between + chunk(b"data", data[half:]) + BEHIND["guan"]
    content = wav(base(), data=data[:half], behind=behind)
    return OddFile("two data", ".wav", content, SECONDS, None, same_answer=True, n_warnings=1)


def _joined(*rates_hz: int, n_channels: tuple[int, ...] = (1, 1)) -> OddFile:
    """Two whole files, one after the other: what is not decoded must be reported."""
    parts = [
        wav(tone(hz, 4, rate_hz, n_channels=n), rate_hz=rate_hz)
        for hz, rate_hz, n in zip((1000, 3000), rates_hz, n_channels, strict=True)
    ]
    return OddFile(
        "joined", ".wav", b"".join(parts), 8.0, None, (r".",), (), all_decoded=False,
        tolerance_s=0.005,
    )  # fmt: skip


def _odd_bytes() -> OddFile:
    """One byte too many at the end: half a sample."""
    content = wav(base(), data=pcm(base(), "PCM_16") + b"\x07", riff_size=N_BYTES + 37)
    return OddFile("half a sample", ".wav", content, SECONDS, SECONDS, same_answer=True)


def _stereo_no_size() -> OddFile:
    both = np.stack([base(), base()], axis=1)
    content = wav(both, data_size=0, riff_size=0)
    return OddFile("stereo", ".wav", content, SECONDS, None, same_answer=True)


def _zeros_behind() -> OddFile:
    """A card that was allocated in whole clusters: zeros behind what is declared."""
    content = wav(base()) + bytes(2 * RATE_HZ)
    return OddFile(
        "zeros", ".wav", content, SECONDS, SECONDS, same_answer=True, all_decoded=True,
        tolerance_s=1.0,
    )  # fmt: skip


CASES: dict[str, Callable[[], OddFile]] = {
    "honest": _honest,
    **{f"honest, then {what}": partial(_honest, behind=BEHIND[what]) for what in BEHIND},
    "honest, then guan of odd size without its pad": partial(_honest, behind=_NO_PAD),
    "bext before": partial(_honest, before=chunk(b"bext", _BEXT)),
    "LIST of odd size before": partial(_honest, before=chunk(b"LIST", _INFO + b"x")),
    "guan of odd size before, without its pad": partial(_honest, before=_NO_PAD),
    "half a sample at the end": _odd_bytes,
    "an empty data chunk before": _empty_data_first,
    "two data chunks": partial(_two_data, b""),
    "two data chunks, LIST between": partial(_two_data, BEHIND["LIST"]),
    "zeros behind": _zeros_behind,
    **{
        f"{coding}, {what}": partial(_compressed, coding, what)
        for coding in ("IMA_ADPCM", "MS_ADPCM")
        for what in (
            "honest",
            "no size",
            "a size of 0xFFFFFFFF",
            "a third of its size",
            "twice its size",
            "cut in half",
            "joined",
        )
    },
    "10 s declared of 76": _modulo,
    "stereo, no size": _stereo_no_size,
    "joined": partial(_joined, 48_000, 48_000),
    "joined of two rates": partial(_joined, 48_000, 24_000),
    "joined of two channel counts": partial(_joined, 48_000, 48_000, n_channels=(1, 2)),
    **{what: partial(_sized, what, "") for what in SIZES},
    **{
        f"{what}, then {behind}": partial(_sized, what, behind)
        for what, behind in product(SIZES, BEHIND)
        if behind != "a large wamd" or SIZES[what][0] <= N_BYTES
    },
    **{f"twice its size, then {what}": partial(_half, BEHIND[what]) for what in ("guan", "LIST")},
    **{
        f"{coding} {form}{' extensible' * extensible}, {what}": partial(
            _coded, coding, form, extensible, what
        )
        for coding, form, extensible in [
            *((coding, "RIFF", False) for coding in _BITS),
            *((coding, "RIFF", True) for coding in ("PCM_16", "PCM_24", "FLOAT")),
            *((coding, "RIFX", False) for coding in ("PCM_16", "PCM_24")),
            *((coding, "RF64", False) for coding in ("PCM_16", "FLOAT")),
            ("PCM_16", "RF64", True),
        ]
        for what in ("honest", "no size", "a third of its size", "twice its size", "cut in half")
    },
}
