"""Files drawn at random: a container, its parts, their channels and gains, a header that is wrong.

`draw` makes the same file of the same seed. What is in it is counted while it is made.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from birdsong.arrays import FloatArray
from tests.odd_files import iff, ogg, wav
from tests.odd_files.base import OddFile, encoded, tone, written
from tests.odd_files.flac import counted, id3v2
from tests.odd_files.mp3 import ID3V1, ape, headless, recounted

CONTAINERS = ("wav", "aiff", "caf", "au", "w64", "flac", "mp3", "vorbis", "opus", "aac")
_SHARES = (0.3, 0.1, 0.05, 0.05, 0.05, 0.12, 0.15, 0.06, 0.06, 0.06)
RATES_HZ = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 250_000, 384_000)
_PLACEHOLDERS = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000)
_PER_PART_S = {"flac": 0.0, "mp3": 0.15, "vorbis": 0.05, "opus": 0.05, "aac": 0.15}
_RATES_OF = {
    "flac": (16_000, 44_100, 48_000),
    "mp3": (22_050, 24_000, 32_000, 44_100, 48_000),
    "vorbis": (22_050, 32_000, 44_100, 48_000),
    "opus": (16_000, 24_000, 48_000),
    "aac": (22_050, 32_000, 44_100, 48_000),
}


def draw(seed: int) -> OddFile:
    """Draw a file."""
    random = np.random.default_rng((29, seed))
    container = str(random.choice(CONTAINERS, p=_SHARES))
    if container in ("wav", "aiff", "caf", "au", "w64"):
        return _uncompressed(random, container)
    return _compressed(random, container)


def _channels(random: np.random.Generator, rate_hz: int, seconds: float) -> FloatArray:
    """A tone in one to three channels, each with a gain, perhaps inverted or dead."""
    n_channels = int(random.choice([1, 1, 2, 2, 3]))
    gains = 10 ** (-random.uniform(0, 20, n_channels) / 20) * random.choice([1, -1], n_channels)
    if n_channels == 2 and random.random() < 0.3:
        gains[1] = -gains[0]
    if n_channels > 1 and random.random() < 0.2:
        gains[random.integers(n_channels)] = 0
    if not gains.any():
        gains[0] = 1
    sound = tone(1000, seconds, rate_hz)
    # A little noise, so that no encoder has an easy time.
    sound = sound + 1e-3 * random.standard_normal(len(sound))
    return (sound[:, np.newaxis] * gains).astype(np.float32)


def _size(random: np.random.Generator, right: int) -> int:
    """A size that a header might state, at most 32 bits."""
    kind = random.choice(["right", "placeholder", "44", "less", "more", "any"])
    return {
        "right": lambda: right,
        "placeholder": lambda: int(random.choice(_PLACEHOLDERS)),
        "44": lambda: 44,
        "less": lambda: int(random.uniform(0.01, 1) * right),
        "more": lambda: min(2**31 - 1, int(random.uniform(1, 20) * right)),
        "any": lambda: int(random.integers(1, 2**31)),
    }[str(kind)]()


def _uncompressed(random: np.random.Generator, container: str) -> OddFile:
    rate_hz = int(random.choice(RATES_HZ))
    seconds = float(random.uniform(0.5, 4.0))
    samples = _channels(random, rate_hz, seconds)
    n_channels = samples.shape[1]
    coding = str(random.choice(list(wav._BITS))) if container == "wav" else "PCM_16"
    form = str(random.choice(["RIFF", "RIFF", "RIFX", "RF64"])) if container == "wav" else ""
    if container != "wav":
        loudest = int(np.abs(samples).max(axis=0).argmax())  # others may be dead
        samples, n_channels = samples[:, loudest : loudest + 1], 1
    frame_bytes = n_channels * wav._BITS[coding] // 8
    right = len(samples) * frame_bytes
    size = _size(random, right)
    behind = b""
    if form in ("RIFF", "RF64") and random.random() < 0.4:
        behind = wav.BEHIND[str(random.choice(list(wav.BEHIND)))]
    before = b""
    if form in ("RIFF", "RF64") and random.random() < 0.3:
        before = wav.chunk(b"LIST", wav.GUANO)

    big = wav.pcm(samples, coding, big_endian=True)
    if container == "wav":
        build = partial(
            wav.wav, samples, rate_hz=rate_hz, coding=coding, form=form, before=before,
            behind=behind, extensible=bool(random.random() < 0.3) and form == "RIFF",
        )  # fmt: skip
        wide = form == "RF64"
        riff_size = int(random.choice([0, 36, size + 36, right + 36])) & 0xFFFFFFFF
        content = (
            build(ds64_sizes=(riff_size, size))
            if wide
            else build(data_size=size, riff_size=riff_size)
        )
    elif container == "aiff":
        n_said = size // frame_bytes
        content = iff.aiff(
            big, n_frames=n_said, sound_size=min(size + 8, 2**32 - 1), rate_hz=rate_hz
        )
    elif container == "caf":
        unknown = size in _PLACEHOLDERS
        content = iff.caf(big, size=-1 if unknown else size + 4, rate_hz=rate_hz)
    elif container == "au":
        content = iff.au(big, size=size, rate_hz=rate_hz)
    else:
        little = wav.pcm(samples, coding)
        said = 0 if size in _PLACEHOLDERS else size + 24
        content = iff.w64(little, data_size=said, riff_size=said + 80, rate_hz=rate_hz)

    n_frames = len(samples)
    end = len(content) - len(behind) - (right % 2 if container == "wav" else 0)
    if random.random() < 0.2 and not behind:  # the copy was cut
        n_left = int(random.uniform(0.3, 1) * right)
        content = content[: end - right + n_left]
        n_frames = n_left // frame_bytes
    present_s = n_frames / rate_hz
    declared_s = None if size in _PLACEHOLDERS else size // frame_bytes / rate_hz
    swallowed = len(behind) if size > right or size in _PLACEHOLDERS else 0
    name = (
        f"{container} {form} {coding} {rate_hz} Hz, {n_channels} channels, size {size} of {right}, "
        f"{n_frames} frames, {len(before)} bytes before, {len(behind)} behind"
    )
    return OddFile(
        name, f".{container}", content, present_s, declared_s,
        tolerance_s=0.01 + swallowed / frame_bytes / rate_hz,
    )  # fmt: skip


@cache
def _part(codec: str, rate_hz: int, n_channels: int, seconds: float, inverted: bool) -> bytes:
    sound = tone(1000, seconds, rate_hz)
    sound = sound + 1e-3 * np.random.default_rng(0).standard_normal(len(sound))
    gains = [1.0] if n_channels == 1 else [1.0, -1.0 if inverted else 0.5]
    samples = (sound[:, np.newaxis] * gains).astype(np.float32)
    if codec == "flac":
        return written(samples, rate_hz, "FLAC", "PCM_16")
    if codec == "mp3":
        return written(
            samples, rate_hz, "MP3", "MPEG_LAYER_III", bitrate_mode="CONSTANT",
            compression_level=0.5,
        )  # fmt: skip
    if codec == "aac":
        return encoded(samples, rate_hz, "aac", "adts")
    return written(samples, rate_hz, "OGG", codec.upper())


def _compressed(random: np.random.Generator, codec: str) -> OddFile:
    """One to three parts joined, each of its own rate and channels."""
    n_parts = int(random.choice([1, 1, 2, 2, 3]))
    same = random.random() < 0.3
    kinds: list[tuple[int, int, float, bool]] = []
    for _ in range(n_parts):
        kind = (
            int(random.choice(_RATES_OF[codec])), int(random.integers(1, 3)),
            float(random.choice([1.0, 2.5, 6.0])), bool(random.random() < 0.3),
        )  # fmt: skip
        kinds.append(kinds[0] if same and kinds else kind)
    parts, present_s, declared_s = [], 0.0, None
    note = ""
    for number, kind in enumerate(kinds):
        part = _part(codec, *kind)
        present_s += round(kind[0] * kind[2]) / kind[0]
        if codec in ("vorbis", "opus"):
            part = ogg.numbered(part, 1 + number)
        if codec == "mp3":
            part, note = _other_mp3(random, part, note)
        if codec == "flac" and number == 0:
            right = round(kind[0] * kind[2])
            said = int(random.choice([right, right, 0, right // 2, 3 * right]))
            part, note = counted(part, said), f"{said} of {right} samples"
            if random.random() < 0.2:
                part = id3v2(2_000) + part
            declared_s = said / kind[0] if said and n_parts == 1 else None
        parts.append(part)
    lowest_s = present_s
    if random.random() < 0.2 and codec != "flac":
        share = float(random.uniform(0.4, 1))
        parts[-1] = parts[-1][: int(share * len(parts[-1]))]
        lowest_s = max(0.0, present_s - kinds[-1][2])  # of the last part nothing is promised
        note += f", the last cut to {share:.2f}"
    name = f"{codec} {kinds} {note}"
    return OddFile(
        name, f".{codec}", b"".join(parts), lowest_s, declared_s, all_decoded=False,
        tolerance_s=_PER_PART_S[codec] * n_parts + 0.02, at_most_s=present_s,
    )  # fmt: skip


def _other_mp3(random: np.random.Generator, part: bytes, note: str) -> tuple[bytes, str]:
    """An MP3 without its count or with a wrong one, between tags."""
    kind = str(random.choice(["counted", "no count", "miscounted"]))
    if kind == "no count":
        part = headless(part)
    if kind == "miscounted":
        part = recounted(part, float(random.choice([0.2, 0.5, 2, 5])))
    if random.random() < 0.3:
        part, kind = id3v2(int(random.integers(10, 300_000))) + part, f"ID3v2 {kind}"
    if random.random() < 0.3:
        end = [ID3V1, ape(4_000), ape(4_000) + ID3V1][int(random.integers(3))]
        part, kind = part + end, f"{kind} tagged"
    return part, f"{note} {kind}"
