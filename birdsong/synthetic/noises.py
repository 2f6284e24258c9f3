"""What people do near a microphone: they talk, things knock, motors run, devices whine.

None is meant to be taken for the real thing, only to teach a network that this is no bird.

References
----------
.. [1] Fant (1960), Acoustic theory of speech production: a source of pulses or noise, and the
   resonances of a mouth. A motor is built likewise: strokes, and what rings in its housing.
"""

from __future__ import annotations

import numpy as np
import scipy.signal

from birdsong.arrays import FloatArray
from birdsong.synthetic.songs import fade_edges

_FORMANTS_HZ = ((280, 850), (850, 2400), (2200, 3200), (3200, 4600))
_BANDWIDTHS_HZ = (90, 120, 180, 300)
_LONGEST_CLICK_S = 0.03


def render_voice(
    n: int, rate_hz: int, generator: np.random.Generator, place: np.random.Generator
) -> FloatArray:
    """Let somebody talk in no language: voiced syllables, hisses before some, pauses.

    Parameters
    ----------
    n : int
        Samples.
    rate_hz : int
    generator : numpy Generator
        Draws what is said.
    place : numpy Generator
        Draws who says it.

    Returns
    -------
    float32, shape (n,)
    """
    pitch_hz, pace = place.uniform(85, 320), place.uniform(0.7, 1.8)
    size = place.uniform(0.9, 1.25)  # a smaller mouth has higher resonances
    said = np.zeros(n, np.float32)
    at = round(generator.uniform(0, 0.5) * rate_hz)
    while at < n:
        parts = []
        if generator.random() < 0.35:
            parts.append(_hiss(round(generator.uniform(0.04, 0.12) * rate_hz), rate_hz, generator))
        n_voiced = round(generator.uniform(0.09, 0.3) / pace * rate_hz)
        pitch = (pitch_hz * 2 ** generator.uniform(-0.35, 0.35, 3)).astype(np.float32)
        parts.append(_vowel(n_voiced, rate_hz, pitch, size, generator))
        syllable = np.concatenate(parts)[: n - at]
        said[at : at + len(syllable)] += syllable
        pause_s = generator.uniform(0.2, 0.9) if generator.random() < 0.12 else 0.01
        at += len(syllable) + round(pause_s / pace * rate_hz)
    return said


def render_clicks(
    n: int, rate_hz: int, generator: np.random.Generator, place: np.random.Generator
) -> FloatArray:
    """Let things knock, crack and rustle: short rings of many pitches, alone or in flurries.

    Parameters and the result are those of `render_voice`.
    """
    clicks = np.zeros(n + round(_LONGEST_CLICK_S * rate_hz), np.float32)
    n_flurries = 1 + generator.poisson(place.uniform(0.3, 3) * n / rate_hz)
    for start in generator.integers(0, n, n_flurries):
        for _ in range(1 + generator.poisson(place.uniform(0, 12))):
            at = start + round(generator.exponential(0.08) * rate_hz)
            click = _click(rate_hz, generator)
            if at < n:
                clicks[at : at + len(click)] += click
    return clicks[:n]


def render_motor(
    n: int, rate_hz: int, generator: np.random.Generator, place: np.random.Generator
) -> FloatArray:
    """Let a motor run: strokes of unequal strength, and a housing that rings at several pitches.

    Parameters and the result are those of `render_voice`.
    """
    strokes_hz = np.exp(place.uniform(np.log(12), np.log(260)))
    n_cylinders = int(place.integers(1, 7))
    strengths = place.uniform(0.4, 1, n_cylinders)
    speed = slow_modulation(n, rate_hz, place.uniform(0.1, 2), generator)
    phase = np.cumsum(strokes_hz * (1 + place.uniform(0, 0.01) * speed)) / rate_hz
    stroke = np.floor(phase).astype(int)
    pulses = np.diff(stroke, prepend=0) * strengths[stroke % n_cylinders]
    source = scipy.signal.lfilter([1], [1, -place.uniform(0.3, 0.97)], pulses)
    motor = place.uniform(0, 0.5) * source
    for _ in range(int(place.integers(2, 8))):
        centre_hz = min(np.exp(place.uniform(np.log(150), np.log(9000))), 0.45 * rate_hz)
        ringing = _resonance(source, centre_hz, centre_hz * place.uniform(0.02, 0.3), rate_hz)
        motor = motor + place.exponential() * ringing / (np.abs(ringing).max() + 1e-9)
    throb = slow_modulation(n, rate_hz, place.uniform(0.2, 8), generator)
    return np.asarray(motor * np.exp(place.uniform(0, 0.4) * throb), np.float32)


def render_whine(
    n: int, rate_hz: int, generator: np.random.Generator, place: np.random.Generator
) -> FloatArray:
    """Let devices whine: a few tones that hold their pitch, with overtones, some of them beating.

    Parameters and the result are those of `render_voice`.
    """
    times_s = np.arange(n) / rate_hz
    whine = np.zeros(n)
    for _ in range(int(place.integers(1, 5))):
        tone_hz = np.exp(place.uniform(np.log(180), np.log(9000)))
        course = slow_modulation(n, rate_hz, place.uniform(0.05, 0.5), generator)
        drift = place.uniform(0, 0.002) * course
        turns = np.cumsum(tone_hz * (1 + drift)) / rate_hz
        beat_hz, depth = place.uniform(0.1, 12), place.uniform(0, 0.6)
        strength = place.exponential() * (1 + depth * np.sin(2 * np.pi * beat_hz * times_s))
        fall = place.uniform(0.8, 2.5)
        for overtone in range(1, 1 + min(int(place.integers(1, 7)), int(0.45 * rate_hz / tone_hz))):
            whine += strength * np.sin(2 * np.pi * overtone * turns) / overtone**fall
    return np.asarray(whine, np.float32)


def slow_modulation(n: int, rate_hz: int, hz: float, generator: np.random.Generator) -> FloatArray:
    """A random course that changes about `hz` times a second, with deviation 1."""
    n_knots = max(4, int(n / rate_hz * hz * 2))
    knots = generator.standard_normal(n_knots)
    course = np.interp(np.linspace(0, n_knots - 1, n), np.arange(n_knots), knots)
    return course.astype(np.float32)


def _vowel(
    n: int,
    rate_hz: int,
    pitch_hz: FloatArray,
    size: float,
    generator: np.random.Generator,
) -> FloatArray:
    """Pulses of a gliding pitch through four resonances, which move once on the way."""
    glide = np.interp(np.linspace(0, 2, n), np.arange(3), pitch_hz)
    phase = np.cumsum(glide) / rate_hz
    pulses = np.diff(np.floor(phase), prepend=0.0)
    source = scipy.signal.lfilter([1], [1, -0.96], pulses) + 0.01 * generator.standard_normal(n)
    halves = []
    for half in np.array_split(source, 2):
        vowel = half
        for (low_hz, high_hz), width_hz in zip(_FORMANTS_HZ, _BANDWIDTHS_HZ, strict=True):
            centre_hz = min(size * generator.uniform(low_hz, high_hz), 0.45 * rate_hz)
            vowel = _resonance(vowel, centre_hz, width_hz, rate_hz)
        halves.append(vowel / (np.abs(vowel).max() + 1e-9))
    return fade_edges(np.concatenate(halves).astype(np.float32), rate_hz)


def _resonance(samples: FloatArray, centre_hz: float, width_hz: float, rate_hz: int) -> FloatArray:
    """A filter of two poles."""
    radius = np.exp(-np.pi * width_hz / rate_hz)
    turn = 2 * np.pi * centre_hz / rate_hz
    resonant: FloatArray = scipy.signal.lfilter(
        [1 - radius], [1, -2 * radius * np.cos(turn), radius**2], samples
    )
    return resonant


def _hiss(n: int, rate_hz: int, generator: np.random.Generator) -> FloatArray:
    """An s, an f or a sh."""
    low_hz = generator.uniform(1500, 5000)
    high_hz = min(low_hz * generator.uniform(1.5, 2.5), 0.45 * rate_hz)
    band = scipy.signal.butter(2, (low_hz, high_hz), "bandpass", fs=rate_hz, output="sos")
    hiss = scipy.signal.sosfilt(band, generator.standard_normal(n))
    quiet = generator.uniform(0.1, 0.5) / (np.abs(hiss).max() + 1e-9)
    return fade_edges((quiet * hiss).astype(np.float32), rate_hz)


def _click(rate_hz: int, generator: np.random.Generator) -> FloatArray:
    n = round(generator.uniform(0.002, _LONGEST_CLICK_S) * rate_hz)
    fall = np.exp(-generator.uniform(4, 9) * np.arange(n) / n)
    tone = np.sin(2 * np.pi * generator.uniform(300, 6000) / rate_hz * np.arange(n))
    rustle = generator.standard_normal(n)
    mixed = fall * (tone * generator.random() + rustle * generator.random())
    click: FloatArray = (generator.lognormal(0, 1) * mixed).astype(np.float32)
    return click
