"""Render backgrounds without birds: hiss, wind, rain, hum, insects, streams and human noise."""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.signal

from birdsong.arrays import FloatArray
from birdsong.synthetic.noises import (
    render_clicks,
    render_motor,
    render_voice,
    render_whine,
    slow_modulation,
)

BAND_HZ = (200.0, 11_000.0)
"""Frequency band in which signal and background levels are compared: that of the images."""


def render_background(
    kind: str,
    *,
    duration_s: float,
    sample_rate_hz: int,
    generator: np.random.Generator,
    place_generator: np.random.Generator | None = None,
) -> FloatArray:
    """Render a background of one kind.

    Parameters
    ----------
    kind : str
        One of `NOISES`.
    duration_s : float
    sample_rate_hz : int
    generator : numpy Generator
        For everything that `place_generator` does not draw.
    place_generator : numpy Generator, optional
        For constant properties of a place: the colour of a hiss, the tone of an insect.

    Returns
    -------
    float32, shape (n_samples,)
        Mean power 1 within `BAND_HZ`.

    Raises
    ------
    ValueError
        If the kind is unknown.
    """
    if kind not in _RENDERERS:
        raise ValueError(f"background must be one of {', '.join(NOISES)}, got {kind!r}")
    n_samples = round(duration_s * sample_rate_hz)
    samples = _RENDERERS[kind](n_samples, sample_rate_hz, generator, place_generator or generator)
    # Every kind has a noise floor, as in a real recording.
    floor = _coloured_noise(n_samples, sample_rate_hz, 0.5, generator)
    share = 0.05 if kind in BACKGROUNDS else 10 ** generator.uniform(-6, -1.3)
    samples = samples / np.sqrt(band_power(samples, sample_rate_hz))
    samples += floor * np.sqrt(share / band_power(floor, sample_rate_hz))
    level = np.sqrt(band_power(samples, sample_rate_hz))
    background: FloatArray = (samples / level).astype(np.float32)
    return background


def band_power(samples: FloatArray, sample_rate_hz: int) -> float:
    """Mean power of a signal within `BAND_HZ`."""
    # Lengths with a large prime factor are ten times slower; zero padding keeps the power.
    n_fft = scipy.fft.next_fast_len(len(samples), real=True)
    first, last = (int(hz / sample_rate_hz * n_fft) for hz in BAND_HZ)
    band = scipy.fft.rfft(samples, n_fft)[first : last + 1]
    return float(2 * np.vdot(band, band).real / (n_fft * len(samples)))


def _hiss(
    n_samples: int,
    rate_hz: int,
    generator: np.random.Generator,
    place_generator: np.random.Generator,
) -> FloatArray:
    return _coloured_noise(n_samples, rate_hz, place_generator.uniform(0.0, 1.0), generator)


def _stream(
    n_samples: int,
    rate_hz: int,
    generator: np.random.Generator,
    place_generator: np.random.Generator,
) -> FloatArray:
    water = _coloured_noise(n_samples, rate_hz, place_generator.uniform(1.2, 2.0), generator)
    return water * (1 + 0.3 * slow_modulation(n_samples, rate_hz, 3.0, generator))


def _wind(
    n_samples: int,
    rate_hz: int,
    generator: np.random.Generator,
    place_generator: np.random.Generator,
) -> FloatArray:
    gusts = np.exp(1.2 * slow_modulation(n_samples, rate_hz, 0.7, generator))
    wind: FloatArray = (
        _coloured_noise(n_samples, rate_hz, place_generator.uniform(2.0, 3.0), generator) * gusts
    )
    return wind


def _rain(
    n_samples: int,
    rate_hz: int,
    generator: np.random.Generator,
    place_generator: np.random.Generator,
) -> FloatArray:
    """Near drops as short bursts of noise at random times, over the steady noise of far drops."""
    drops = np.zeros(n_samples, np.float32)
    n_drops = generator.poisson(place_generator.uniform(20, 80) * n_samples / rate_hz)
    positions = generator.integers(0, n_samples, n_drops)
    drops[positions] = generator.lognormal(0.0, 0.8, n_drops) * generator.choice([-1, 1], n_drops)
    ring_s = np.arange(int(0.006 * rate_hz)) / rate_hz
    ring = np.exp(-ring_s / 0.0012) * generator.standard_normal(len(ring_s))
    near_drops = scipy.signal.oaconvolve(drops, ring.astype(np.float32))[:n_samples]
    far_drops = _coloured_noise(n_samples, rate_hz, 0.7, generator)
    rain: FloatArray = near_drops / near_drops.std() + far_drops / far_drops.std()
    return rain


def _hum(
    n_samples: int,
    rate_hz: int,
    generator: np.random.Generator,
    place_generator: np.random.Generator,
) -> FloatArray:
    """Hum of mains or a motor: many harmonics of a steady low tone."""
    times_s = np.arange(n_samples, dtype=np.float32) / rate_hz
    base_hz = place_generator.uniform(48, 125)
    hum = np.zeros(n_samples, np.float32)
    for harmonic in range(1, int(1800 / base_hz)):
        phase = np.float32(2 * np.pi * harmonic * base_hz) * times_s
        hum += np.sin(phase + generator.uniform(0, 6)) / np.float32(harmonic**0.8)
    return hum


def _insect(
    n_samples: int,
    rate_hz: int,
    generator: np.random.Generator,
    place_generator: np.random.Generator,
) -> FloatArray:
    """Cricket or cicada: a steady high tone with many pulses per second."""
    times_s = np.arange(n_samples) / rate_hz
    pulse = 0.5 + 0.5 * np.sin(2 * np.pi * place_generator.uniform(25, 70) * times_s)
    tone = np.sin(2 * np.pi * place_generator.uniform(3800, 8500) * times_s)
    return (tone * pulse).astype(np.float32)


def _coloured_noise(
    n_samples: int, rate_hz: int, slope: float, generator: np.random.Generator
) -> FloatArray:
    """Noise with power proportional to ``frequency ** -slope``, flat below 100 Hz."""
    n_fft = scipy.fft.next_fast_len(n_samples, real=True)
    spectrum = scipy.fft.rfft(generator.standard_normal(n_fft, np.float32))
    frequencies_hz = scipy.fft.rfftfreq(n_fft, 1 / rate_hz).astype(np.float32)
    spectrum *= np.maximum(frequencies_hz, 100.0) ** np.float32(-slope / 2)
    noise: FloatArray = scipy.fft.irfft(spectrum, n_fft)[:n_samples]
    noise /= noise.std()
    return noise


_RENDERERS = {
    "hiss": _hiss,
    "hum": _hum,
    "insect": _insect,
    "rain": _rain,
    "stream": _stream,
    "wind": _wind,
    "clicks": render_clicks,
    "motor": render_motor,
    "voice": render_voice,
    "whine": render_whine,
}

NOISES = tuple(_RENDERERS)
BACKGROUNDS = ("hiss", "hum", "insect", "rain", "stream", "wind")
"""The kinds behind a singing bird; the other kinds would mask it."""
