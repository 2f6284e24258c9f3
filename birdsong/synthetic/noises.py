"""Synthesise human noise: voices, clicks, motors and whining devices.

These noises need not sound real. They teach a network what is not a bird.

References
----------
.. [1] Fant (1960), Acoustic theory of speech production: a source of pulses or noise, filtered by
   the resonances of the mouth. A motor is similar: strokes, filtered by its housing.
"""

from __future__ import annotations

import numpy as np
import scipy.signal

from birdsong.arrays import FloatArray
from birdsong.synthetic.songs import fade_edges

_FORMANTS_HZ = ((280, 850), (850, 2400), (2200, 3200), (3200, 4600))
_BANDWIDTHS_HZ = (90, 120, 180, 300)
_MAX_CLICK_S = 0.03


def render_voice(
    n_samples: int,
    rate_hz: int,
    generator: np.random.Generator,
    place_generator: np.random.Generator,
) -> FloatArray:
    """Render speech without words: voiced syllables, some after a hiss, and pauses.

    Parameters
    ----------
    n_samples : int
    rate_hz : int
    generator : numpy Generator
        For the syllables.
    place_generator : numpy Generator
        For the speaker.

    Returns
    -------
    float32, shape (n_samples,)
    """
    pitch_hz, pace = place_generator.uniform(85, 320), place_generator.uniform(0.7, 1.8)
    vocal_tract_scale = place_generator.uniform(0.9, 1.25)  # a shorter one has higher resonances
    voice = np.zeros(n_samples, np.float32)
    position = round(generator.uniform(0, 0.5) * rate_hz)
    while position < n_samples:
        parts = []
        if generator.random() < 0.35:
            parts.append(_hiss(round(generator.uniform(0.04, 0.12) * rate_hz), rate_hz, generator))
        n_voiced = round(generator.uniform(0.09, 0.3) / pace * rate_hz)
        pitch = (pitch_hz * 2 ** generator.uniform(-0.35, 0.35, 3)).astype(np.float32)
        parts.append(_vowel(n_voiced, rate_hz, pitch, vocal_tract_scale, generator))
        syllable = np.concatenate(parts)[: n_samples - position]
        voice[position : position + len(syllable)] += syllable
        pause_s = generator.uniform(0.2, 0.9) if generator.random() < 0.12 else 0.01
        position += len(syllable) + round(pause_s / pace * rate_hz)
    return voice


def render_clicks(
    n_samples: int,
    rate_hz: int,
    generator: np.random.Generator,
    place_generator: np.random.Generator,
) -> FloatArray:
    """Render knocking and rustling: short clicks of many pitches, single or in groups.

    Parameters and result as in `render_voice`.
    """
    clicks = np.zeros(n_samples + round(_MAX_CLICK_S * rate_hz), np.float32)
    n_flurries = 1 + generator.poisson(place_generator.uniform(0.3, 3) * n_samples / rate_hz)
    for start in generator.integers(0, n_samples, n_flurries):
        for _ in range(1 + generator.poisson(place_generator.uniform(0, 12))):
            position = start + round(generator.exponential(0.08) * rate_hz)
            click = _click(rate_hz, generator)
            if position < n_samples:
                clicks[position : position + len(click)] += click
    return clicks[:n_samples]


def render_motor(
    n_samples: int,
    rate_hz: int,
    generator: np.random.Generator,
    place_generator: np.random.Generator,
) -> FloatArray:
    """Render a motor: strokes of unequal strength, and resonances of its housing.

    Parameters and result as in `render_voice`.
    """
    strokes_hz = np.exp(place_generator.uniform(np.log(12), np.log(260)))
    n_cylinders = int(place_generator.integers(1, 7))
    strengths = place_generator.uniform(0.4, 1, n_cylinders)
    speed = slow_modulation(n_samples, rate_hz, place_generator.uniform(0.1, 2), generator)
    phase = np.cumsum(strokes_hz * (1 + place_generator.uniform(0, 0.01) * speed)) / rate_hz
    stroke = np.floor(phase).astype(int)
    pulses = np.diff(stroke, prepend=0) * strengths[stroke % n_cylinders]
    source = scipy.signal.lfilter([1], [1, -place_generator.uniform(0.3, 0.97)], pulses)
    motor = place_generator.uniform(0, 0.5) * source
    for _ in range(int(place_generator.integers(2, 8))):
        centre_hz = min(np.exp(place_generator.uniform(np.log(150), np.log(9000))), 0.45 * rate_hz)
        ringing = _resonance(
            source, centre_hz, centre_hz * place_generator.uniform(0.02, 0.3), rate_hz
        )
        motor = motor + place_generator.exponential() * ringing / (np.abs(ringing).max() + 1e-9)
    throb = slow_modulation(n_samples, rate_hz, place_generator.uniform(0.2, 8), generator)
    return np.asarray(motor * np.exp(place_generator.uniform(0, 0.4) * throb), np.float32)


def render_whine(
    n_samples: int,
    rate_hz: int,
    generator: np.random.Generator,
    place_generator: np.random.Generator,
) -> FloatArray:
    """Render whining devices: a few steady tones with overtones, some of them beating.

    Parameters and result as in `render_voice`.
    """
    times_s = np.arange(n_samples) / rate_hz
    whine = np.zeros(n_samples)
    for _ in range(int(place_generator.integers(1, 5))):
        tone_hz = np.exp(place_generator.uniform(np.log(180), np.log(9000)))
        modulation = slow_modulation(
            n_samples, rate_hz, place_generator.uniform(0.05, 0.5), generator
        )
        drift = place_generator.uniform(0, 0.002) * modulation
        cycles = np.cumsum(tone_hz * (1 + drift)) / rate_hz
        beat_hz, depth = place_generator.uniform(0.1, 12), place_generator.uniform(0, 0.6)
        strength = place_generator.exponential() * (
            1 + depth * np.sin(2 * np.pi * beat_hz * times_s)
        )
        decay = place_generator.uniform(0.8, 2.5)
        for overtone in range(
            1, 1 + min(int(place_generator.integers(1, 7)), int(0.45 * rate_hz / tone_hz))
        ):
            whine += strength * np.sin(2 * np.pi * overtone * cycles) / overtone**decay
    return np.asarray(whine, np.float32)


def slow_modulation(
    n_samples: int, rate_hz: int, hz: float, generator: np.random.Generator
) -> FloatArray:
    """Random curve that changes about `hz` times a second, with standard deviation 1."""
    n_knots = max(4, int(n_samples / rate_hz * hz * 2))
    knots = generator.standard_normal(n_knots)
    modulation = np.interp(np.linspace(0, n_knots - 1, n_samples), np.arange(n_knots), knots)
    return modulation.astype(np.float32)


def _vowel(
    n_samples: int,
    rate_hz: int,
    pitch_hz: FloatArray,
    vocal_tract_scale: float,
    generator: np.random.Generator,
) -> FloatArray:
    """Pulses of gliding pitch, filtered by four resonances, which change once in the middle."""
    glide = np.interp(np.linspace(0, 2, n_samples), np.arange(3), pitch_hz)
    phase = np.cumsum(glide) / rate_hz
    pulses = np.diff(np.floor(phase), prepend=0.0)
    source = scipy.signal.lfilter([1], [1, -0.96], pulses) + 0.01 * generator.standard_normal(
        n_samples
    )
    halves = []
    for half in np.array_split(source, 2):
        vowel = half
        for (low_hz, high_hz), width_hz in zip(_FORMANTS_HZ, _BANDWIDTHS_HZ, strict=True):
            centre_hz = min(vocal_tract_scale * generator.uniform(low_hz, high_hz), 0.45 * rate_hz)
            vowel = _resonance(vowel, centre_hz, width_hz, rate_hz)
        halves.append(vowel / (np.abs(vowel).max() + 1e-9))
    return fade_edges(np.concatenate(halves).astype(np.float32), rate_hz)


def _resonance(samples: FloatArray, centre_hz: float, width_hz: float, rate_hz: int) -> FloatArray:
    """Two-pole resonance filter."""
    radius = np.exp(-np.pi * width_hz / rate_hz)
    angle = 2 * np.pi * centre_hz / rate_hz
    resonant: FloatArray = scipy.signal.lfilter(
        [1 - radius], [1, -2 * radius * np.cos(angle), radius**2], samples
    )
    return resonant


def _hiss(n_samples: int, rate_hz: int, generator: np.random.Generator) -> FloatArray:
    """Hissing consonant, such as s, f or sh."""
    low_hz = generator.uniform(1500, 5000)
    high_hz = min(low_hz * generator.uniform(1.5, 2.5), 0.45 * rate_hz)
    band = scipy.signal.butter(2, (low_hz, high_hz), "bandpass", fs=rate_hz, output="sos")
    hiss = scipy.signal.sosfilt(band, generator.standard_normal(n_samples))
    quiet = generator.uniform(0.1, 0.5) / (np.abs(hiss).max() + 1e-9)
    return fade_edges((quiet * hiss).astype(np.float32), rate_hz)


def _click(rate_hz: int, generator: np.random.Generator) -> FloatArray:
    n_samples = round(generator.uniform(0.002, _MAX_CLICK_S) * rate_hz)
    decay = np.exp(-generator.uniform(4, 9) * np.arange(n_samples) / n_samples)
    tone = np.sin(2 * np.pi * generator.uniform(300, 6000) / rate_hz * np.arange(n_samples))
    rustle = generator.standard_normal(n_samples)
    mixed = decay * (tone * generator.random() + rustle * generator.random())
    click: FloatArray = (generator.lognormal(0, 1) * mixed).astype(np.float32)
    return click
