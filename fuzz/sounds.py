"""Small recordings in every format, from which fuzzing starts."""

from __future__ import annotations

import io
import struct

import numpy as np
import soundfile

from birdsong.arrays import FloatArray
from birdsong.synthetic.species import SPECIES
from birdsong.synthetic.synthesis import SynthesisConfig, render_recording

_KINDS = (
    *(("WAV", "PCM_16"), ("WAV", "FLOAT"), ("RF64", "PCM_24"), ("FLAC", "PCM_16")),
    *(("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16")),
    *(("W64", "PCM_16"), ("CAF", "PCM_16"), ("AU", "PCM_16"), ("WAV", "IMA_ADPCM")),
)
_JOINED = (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"))


def sounds() -> list[bytes]:
    """Return the contents of valid files: single, joined, and with several channels."""
    config = SynthesisConfig(sample_rate_hz=24_000, duration_s=(1.0, 1.2))
    samples = render_recording(SPECIES[0], individual=0, config=config).samples
    inverted = np.stack([samples, -samples], axis=1)
    return [
        *(_encoded(samples, 24_000, *kind) for kind in _KINDS),
        *(_encoded(samples, 24_000, *k) + _encoded(inverted, 16_000, *k) for k in _JOINED),
        _encoded(inverted, 24_000, "WAV", "PCM_16"),
        _audiomoth_wav(samples),
        _container(samples, "mp4", "aac"),
        _container(samples, "webm", "libopus"),
    ]


def _encoded(samples: FloatArray, rate_hz: int, kind: str, subtype: str) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, samples, rate_hz, format=kind, subtype=subtype)
    return content.getvalue()


def _audiomoth_wav(samples: FloatArray) -> bytes:
    """A WAV of an AudioMoth with a trigger: a header of 488 bytes, and a marker block for a gap."""
    values = (samples[:5_132] * 32_767).astype("<i2")
    gap = np.zeros(256, "<i2")
    gap[:32] = -1
    gap[5] = 1
    data = values.tobytes() + gap.tobytes() + values[12:].tobytes()
    note = b"Recorded by AudioMoth 24F319055FE4A4C6. Amplitude threshold was 512.".ljust(428, b"\0")
    info = b"LIST" + struct.pack("<I", 436) + b"INFO" + note[:432]
    described = struct.pack("<HHIIHH", 1, 1, 24_000, 48_000, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + described + info
    body = body.ljust(472, b"\0") + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _container(samples: FloatArray, kind: str, codec: str) -> bytes:
    """A file in a container that FFmpeg reads."""
    import av
    from av.audio.stream import AudioStream

    rate_hz = 48_000 if kind == "webm" else 24_000
    content = io.BytesIO()
    with av.open(content, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate_hz)
        if not isinstance(stream, AudioStream):
            raise TypeError(f"{codec} is no codec for sound")
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = 24_000
        resampler = av.AudioResampler(stream.format, stream.layout, rate_hz, frame_size=1024)
        for each in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(each))
        container.mux(stream.encode(None))
    return content.getvalue()
