"""Render the songs of synthetic birds: individual versions of a template, and strophes."""

from __future__ import annotations

import numpy as np
import scipy.signal

from birdsong.arrays import FloatArray
from birdsong.synthetic.species import SongTemplate

_FADE_S = 0.008
_WARBLE_HZ = (9.0, 14.0)


def individual_song(
    song: SongTemplate,
    generator: np.random.Generator,
    *,
    pitch_deviation_octaves: float,
    tempo_deviation_octaves: float,
) -> SongTemplate:
    """Draw a random version of the song of a species, for the repertoire of an individual."""
    pitch = 2 ** (pitch_deviation_octaves * generator.standard_normal())
    tempo = 2 ** (tempo_deviation_octaves * generator.standard_normal())
    n_notes = int(generator.integers(song.n_notes[0], song.n_notes[1] + 1))
    return SongTemplate(
        note=song.note,
        pitch_hz=song.pitch_hz * pitch,
        sweep_octaves=song.sweep_octaves * generator.uniform(0.75, 1.25),
        interval_octaves=song.interval_octaves * generator.uniform(0.75, 1.25),
        note_s=song.note_s / tempo,
        pause_s=song.pause_s / tempo * generator.uniform(0.85, 1.15),
        n_notes=(n_notes, n_notes),
    )


def render_strophe(song: SongTemplate, rate_hz: int, generator: np.random.Generator) -> FloatArray:
    """Render a strophe of notes with small random differences."""
    parts = []
    for number in range(song.n_notes[0]):
        deviation = generator.normal(1, 0.03, 2)
        pitch_hz = song.pitch_hz * 2 ** (song.interval_octaves * (number % 2)) * deviation[0]
        n_samples = max(64, round(song.note_s * deviation[1] * rate_hz))
        loudness = generator.uniform(0.7, 1.0)
        parts.append(loudness * _note(song, pitch_hz, n_samples, rate_hz, generator))
        if number + 1 < song.n_notes[0]:
            parts.append(np.zeros(round(song.pause_s * rate_hz), np.float32))
    return np.concatenate(parts).astype(np.float32)


def _note(
    song: SongTemplate,
    pitch_hz: float,
    n_samples: int,
    rate_hz: int,
    generator: np.random.Generator,
) -> FloatArray:
    """Render one note with faded edges."""
    position = np.linspace(-0.5, 0.5, n_samples)
    octaves = song.sweep_octaves * position
    if song.note == "warble":
        cycles = generator.uniform(*_WARBLE_HZ) * n_samples / rate_hz
        octaves = octaves + 0.3 * np.sin(2 * np.pi * cycles * position)
    phase = 2 * np.pi * np.cumsum(pitch_hz * 2**octaves) / rate_hz
    if song.note == "buzz":
        edges_hz = pitch_hz * 2 ** np.array([-0.35, 0.35])
        band = scipy.signal.butter(4, edges_hz, "bandpass", fs=rate_hz, output="sos")
        note = scipy.signal.sosfilt(band, generator.standard_normal(n_samples))
        note /= np.abs(note).max()
    elif song.note == "stack":
        n_harmonics = int(10_000 / (pitch_hz * 2 ** abs(song.sweep_octaves)))
        note = sum(np.sin(k * phase) / k**0.7 for k in range(1, min(n_harmonics, 9) + 1))
    else:
        note = np.sin(phase)
    return fade_edges(np.asarray(note, np.float32), rate_hz)


def fade_edges(samples: FloatArray, rate_hz: int) -> FloatArray:
    """Fade in and out to avoid clicks."""
    n_fade = min(len(samples) // 3, round(_FADE_S * rate_hz))
    fade = (np.sin(np.linspace(0, np.pi / 2, n_fade)) ** 2).astype(np.float32)
    return np.concatenate(
        [samples[:n_fade] * fade, samples[n_fade:-n_fade], samples[-n_fade:] * fade[::-1]]
    )
