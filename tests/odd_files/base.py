"""What every family starts from: the base recording, tones, and what is known of an odd file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import soundfile

from birdsong.arrays import FloatArray
from birdsong.synthetic.species import SPECIES
from birdsong.synthetic.synthesis import SynthesisConfig, render_recording

RATE_HZ = 48_000
SECONDS = 8.0
ENDS_EARLY = (r"ends early",)


@dataclass(frozen=True)
class OddFile:
    """A file and what is true of it.

    Attributes
    ----------
    name : str
    suffix : str
    content : bytes
    present_s : float
        Seconds of sound that are in the bytes, by the generator's own count of samples.
    declared_s : float or None
        Length in the header; None without one, or with a placeholder.
    expected_warnings : tuple of str
        Regular expressions, each of which must be found in a warning.
    forbidden_warnings : tuple of str
        Regular expressions, none of which may be found in a warning.
    same_answer : bool
        Whether the file must be answered as base is.
    tolerance_s : float
        How far the decoded seconds may be from `present_s`.
    all_decoded : bool
        Whether every second present must be decoded; else it may be reported as missing.
    tones : tuple of (float, float)
        Moments, in seconds, and the frequency in hertz that must sound there.
    at_most_s : float or None
        The most that may be decoded, if only a lower bound is known exactly.
    n_warnings : int or None
        How many warnings there must be, where that is fixed.
    """

    name: str
    suffix: str
    content: bytes
    present_s: float
    declared_s: float | None = None
    expected_warnings: tuple[str, ...] = ()
    forbidden_warnings: tuple[str, ...] = ENDS_EARLY
    same_answer: bool = False
    tolerance_s: float = 0.5 / RATE_HZ
    all_decoded: bool = True
    tones: tuple[tuple[float, float], ...] = ()
    at_most_s: float | None = None
    n_warnings: int | None = None


@lru_cache
def base(rate_hz: int = RATE_HZ, seconds: float = SECONDS) -> FloatArray:
    """A synthetic bird, which the shipped bundle is sure to be one; float32 (n,)."""
    (species,) = (each for each in SPECIES if each.scientific_name == "Alternatrix medius")
    config = SynthesisConfig(
        sample_rate_hz=rate_hz,
        duration_s=(seconds, seconds),
        snr_db=(20, 24),
        peak_dbfs=(-10, -4),
    )
    samples = render_recording(species, individual=0, config=config).samples
    samples.flags.writeable = False
    return samples


def tone(hz: float, seconds: float, rate_hz: int = RATE_HZ, *, n_channels: int = 1) -> FloatArray:
    """A sine of -12 dBFS; float32 (n,) or (n, n_channels)."""
    samples = 0.25 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)
    samples = samples.astype(np.float32)
    return samples if n_channels == 1 else np.repeat(samples[:, np.newaxis], n_channels, axis=1)


def hiss(n: int, level: float, seed: int = 0) -> FloatArray:
    """White noise; `level` is its standard deviation."""
    noise = np.random.default_rng(seed).standard_normal(n)
    return (level * noise).astype(np.float32)


def written(
    samples: FloatArray, rate_hz: int, format: str, subtype: str, **options: object
) -> bytes:
    """The content of a whole and honest file, as libsndfile writes it."""
    content = io.BytesIO()
    soundfile.write(content, samples, rate_hz, format=format, subtype=subtype, **options)
    return content.getvalue()


def encoded(
    samples: FloatArray,
    rate_hz: int,
    codec: str,
    format: str,
    *,
    bit_rate: int = 128_000,
) -> bytes:
    """The content of a file of one sound track, as FFmpeg writes it."""
    import av

    content = io.BytesIO()
    channels = np.atleast_2d(samples.T)
    layout = {1: "mono", 2: "stereo"}[len(channels)]
    with av.open(content, "w", format=format) as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        stream.bit_rate = bit_rate
        for packet in packets(stream, channels, rate_hz, layout):
            container.mux(packet)
    return content.getvalue()


def packets(stream, channels: FloatArray, rate_hz: int, layout: str):
    """The packets of a sound track; channels are (n_channels, n)."""
    import av

    wanted = stream.codec_context.format.name if stream.codec_context.format else "fltp"
    to_format = av.AudioResampler(format=wanted, layout=layout, rate=rate_hz)
    fifo_s = 1024
    for start in range(0, channels.shape[1], fifo_s):
        block = np.ascontiguousarray(channels[:, start : start + fifo_s], np.float32)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate_hz, start
        for converted in to_format.resample(frame):
            yield from stream.encode(converted)
    for converted in to_format.resample(None):
        yield from stream.encode(converted)
    yield from stream.encode(None)
