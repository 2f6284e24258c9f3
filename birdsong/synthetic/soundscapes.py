"""Render soundscapes with known songs in rain, wind and insect noise, to test song detection."""

from __future__ import annotations

import numpy as np

from birdsong.arrays import FloatArray
from birdsong.synthetic.backgrounds import band_power, render_background
from birdsong.synthetic.songs import individual_song, render_strophe
from birdsong.synthetic.species import SPECIES
from birdsong.synthetic.synthesis import SyntheticRecording

SOUNDSCAPES = (("rain",), ("wind",), ("insect",), ("rain", "wind", "insect"))
"""Kinds of background of a soundscape, used in turn."""

_FIRST_SONG_S = (2.0, 10.0)
_GAP_S = (2.0, 20.0)
_PEAK = 0.5


def render_soundscape(
    number: int,
    *,
    snr_db: float,
    duration_s: float = 45.0,
    sample_rate_hz: int = 24_000,
    seed: int = 0,
) -> SyntheticRecording:
    """Render a bird that pauses for 2 to 20 seconds between its strophes.

    Songs fill about 5 to 20 % of the time.

    Parameters
    ----------
    number : int
        Number of the soundscape; it determines species and background.
    snr_db : float
        Mean power of the songs relative to all backgrounds together, within 200 to 11,000 Hz. The
        backgrounds are equally loud.
    duration_s : float
        15 or greater, so that there is a song.
    sample_rate_hz : int
    seed : int

    Returns
    -------
    SyntheticRecording
        Its `background` lists all kinds, separated by commas.

    Raises
    ------
    ValueError
        If it is too short for a song.
    """
    generator = np.random.default_rng((seed, number))
    species = SPECIES[5 * number % len(SPECIES)]
    song = individual_song(
        species.song, generator, pitch_deviation_octaves=0.1, tempo_deviation_octaves=0.12
    )
    bird = np.zeros(round(duration_s * sample_rate_hz), np.float32)
    songs: list[tuple[float, float]] = []
    strophes: list[FloatArray] = []
    start_s = generator.uniform(*_FIRST_SONG_S)
    while True:
        strophe = generator.uniform(0.8, 1) * render_strophe(song, sample_rate_hz, generator)
        first = round(start_s * sample_rate_hz)
        end = first + len(strophe)
        if end > len(bird):
            break
        bird[first:end] = strophe
        strophes.append(strophe)
        songs.append((first / sample_rate_hz, end / sample_rate_hz))
        start_s = end / sample_rate_hz + generator.uniform(*_GAP_S)
    if not songs:
        raise ValueError(f"duration_s must leave room for a song, at least 15, got {duration_s:g}")
    kinds = SOUNDSCAPES[number % len(SOUNDSCAPES)]
    background = np.zeros(len(bird), np.float32)
    for kind in kinds:
        background += render_background(
            kind, duration_s=duration_s, sample_rate_hz=sample_rate_hz, generator=generator
        )
    background /= np.sqrt(band_power(background, sample_rate_hz))
    bird *= np.sqrt(10 ** (snr_db / 10) / band_power(np.concatenate(strophes), sample_rate_hz))
    mixed = bird + background
    return SyntheticRecording(
        samples=(_PEAK / np.abs(mixed).max() * mixed).astype(np.float32),
        sample_rate_hz=sample_rate_hz,
        songs=tuple(songs),
        background=", ".join(kinds),
        snr_db=snr_db,
        species=species,
    )
