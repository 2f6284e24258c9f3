"""Synthesise recordings of birds with known songs, and recordings without a bird.

They serve as data of the demo, test fixtures and load for benchmarks.

Each recording has its own random generator, with a seed from
``(seed, species, individual, take)`` or ``(seed, index)``. So it is the same in any order and with
any number of processes.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft

from birdsong.arrays import FloatArray
from birdsong.errors import ConfigError
from birdsong.synthetic.backgrounds import BACKGROUNDS, band_power, render_background
from birdsong.synthetic.songs import fade_edges, individual_song, render_strophe
from birdsong.synthetic.species import SongTemplate, SyntheticSpecies


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesisConfig:
    """Properties of synthetic recordings; a pair is the range of a uniform distribution.

    Attributes
    ----------
    sample_rate_hz : int
    duration_s : tuple of float
        Duration of a recording.
    gap_s : tuple of float
        Silence between two strophes.
    snr_db : tuple of float
        Mean power of the songs relative to the background, within 200 to 11,000 Hz.
    peak_dbfs : tuple of float
        Level of the loudest sample.
    pitch_deviation_octaves, tempo_deviation_octaves : float
        Standard deviations between individuals of a species.
    """

    sample_rate_hz: int = 32_000
    duration_s: tuple[float, float] = (8.0, 12.0)
    gap_s: tuple[float, float] = (0.6, 2.2)
    snr_db: tuple[float, float] = (6.0, 24.0)
    peak_dbfs: tuple[float, float] = (-24.0, -1.0)
    pitch_deviation_octaves: float = 0.10
    tempo_deviation_octaves: float = 0.12

    def __post_init__(self) -> None:
        for name in ("duration_s", "gap_s", "snr_db", "peak_dbfs"):
            low, high = getattr(self, name)
            if not -math.inf < low <= high < math.inf:
                raise ConfigError(f"{name} must be (lowest, highest), got {(low, high)}")
        for name in ("pitch_deviation_octaves", "tempo_deviation_octaves"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be at least 0, got {getattr(self, name)}")
        if not self.sample_rate_hz >= 24_000:
            raise ConfigError(
                f"sample_rate_hz must be at least 24000, to hold songs of up to 11 kHz, got "
                f"{self.sample_rate_hz}"
            )
        if self.duration_s[0] < 1 or self.gap_s[0] < 0:
            raise ConfigError(
                f"recordings must last at least 1 s and gaps at least 0 s, got {self.duration_s} "
                f"and {self.gap_s}"
            )
        if self.peak_dbfs[1] > 0:
            raise ConfigError(f"peak_dbfs must be at most 0, full scale, got {self.peak_dbfs}")


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticRecording:
    """A synthetic recording and its true songs.

    Attributes
    ----------
    samples : float32, shape (n_samples,), values in [-1, 1]
    sample_rate_hz : int
    songs : tuple of (start_s, end_s)
        Start and end of each strophe.
    background : str
    snr_db : float
        Minus infinity if there is no bird.
    species : SyntheticSpecies or None
        The singing species; None if there is no bird.
    individual : int or None
    """

    samples: FloatArray
    sample_rate_hz: int
    songs: tuple[tuple[float, float], ...]
    background: str
    snr_db: float
    species: SyntheticSpecies | None = None
    individual: int | None = None


def render_recording(
    species: SyntheticSpecies,
    *,
    individual: int,
    take: int = 0,
    seed: int = 0,
    config: SynthesisConfig | None = None,
    background: str | None = None,
) -> SyntheticRecording:
    """Render one recording of one individual.

    Parameters
    ----------
    species : SyntheticSpecies
    individual : int
        Number of the individual; it determines pitch, tempo, repertoire and kind of background.
    take : int
        Number of its recording; it determines distance, level and the order of the strophes.
    seed : int
    config : SynthesisConfig, optional
    background : str, optional
        One of `BACKGROUNDS`; by default random for each individual.

    Returns
    -------
    SyntheticRecording
    """
    config = config or SynthesisConfig()
    rate_hz = config.sample_rate_hz
    name_hash = zlib.crc32(species.scientific_name.encode())
    individual_generator = np.random.default_rng((seed, name_hash, individual))
    repertoire = [
        individual_song(
            species.song,
            individual_generator,
            pitch_deviation_octaves=config.pitch_deviation_octaves,
            tempo_deviation_octaves=config.tempo_deviation_octaves,
        )
        for _ in range(individual_generator.integers(1, 4))
    ]
    kind = background or str(individual_generator.choice(BACKGROUNDS))

    generator = np.random.default_rng((seed, name_hash, individual, 1 + take))
    duration_s = float(generator.uniform(*config.duration_s))
    song, songs = _render_songs(repertoire, round(duration_s * rate_hz), config, generator)
    song = _propagate(song, rate_hz, generator)

    snr_db = float(generator.uniform(*config.snr_db))
    noise = render_background(
        kind,
        duration_s=duration_s,
        sample_rate_hz=rate_hz,
        generator=generator,
        place_generator=np.random.default_rng((seed, name_hash, individual, 0, 1)),
    )
    song_share = sum(end - start for start, end in songs) / duration_s
    song_power = band_power(song, rate_hz) / song_share
    mixed = song + noise * np.float32(np.sqrt(song_power / 10 ** (snr_db / 10)))
    return SyntheticRecording(
        _normalize_peak(mixed, float(generator.uniform(*config.peak_dbfs))),
        rate_hz,
        tuple(songs),
        kind,
        snr_db,
        species,
        individual,
    )


def render_noise(
    *,
    index: int,
    seed: int = 0,
    config: SynthesisConfig | None = None,
    kinds: Sequence[str] = BACKGROUNDS,
) -> SyntheticRecording:
    """Render a recording without a bird; `index` selects one of `kinds`, which are `NOISES`."""
    config = config or SynthesisConfig()
    generator = np.random.default_rng((seed, index))
    kind = kinds[index % len(kinds)]
    noise = render_background(
        kind,
        duration_s=float(generator.uniform(*config.duration_s)),
        sample_rate_hz=config.sample_rate_hz,
        generator=generator,
    )
    samples = _normalize_peak(noise, float(generator.uniform(*config.peak_dbfs)))
    return SyntheticRecording(samples, config.sample_rate_hz, (), kind, float("-inf"))


def _render_songs(
    repertoire: list[SongTemplate],
    n_samples: int,
    config: SynthesisConfig,
    generator: np.random.Generator,
) -> tuple[FloatArray, list[tuple[float, float]]]:
    """Render random strophes with gaps; returns the samples and the time of each strophe."""
    rate_hz = config.sample_rate_hz
    song = np.zeros(n_samples, np.float32)
    songs: list[tuple[float, float]] = []
    start_s = generator.uniform(0, config.gap_s[1] / 2)
    while True:
        template = repertoire[generator.integers(len(repertoire))]
        strophe = render_strophe(template, rate_hz, generator)
        end_s = start_s + len(strophe) / rate_hz
        first = round(start_s * rate_hz)
        if first + len(strophe) > n_samples:
            if not songs:  # every recording needs a song: cut a long strophe
                cut = fade_edges(strophe[:n_samples], rate_hz)
                song[: len(cut)] = cut
                songs.append((0.0, len(cut) / rate_hz))
            return song, songs
        song[first : first + len(strophe)] = strophe
        songs.append((start_s, end_s))
        start_s = end_s + generator.uniform(*config.gap_s)


def _propagate(song: FloatArray, rate_hz: int, generator: np.random.Generator) -> FloatArray:
    """Simulate the way to the microphone: air damps high tones, trees reflect echoes."""
    n_fft = scipy.fft.next_fast_len(len(song), real=True)
    frequencies_hz = scipy.fft.rfftfreq(n_fft, 1 / rate_hz).astype(np.float32)
    response = np.exp(-frequencies_hz / np.float32(generator.uniform(4_000, 40_000)))
    direct = scipy.fft.irfft(scipy.fft.rfft(song, n_fft) * response, n_fft)[: len(song)]
    received: FloatArray = direct.copy()
    for _ in range(generator.integers(0, 5)):
        delay_s, strength = generator.uniform(0.01, 0.08), generator.uniform(0.05, 0.3)
        n_delay = round(delay_s * rate_hz)
        received[n_delay:] += np.float32(strength) * direct[:-n_delay]
    return received


def _normalize_peak(samples: FloatArray, peak_dbfs: float) -> FloatArray:
    """Scale the loudest sample to a level."""
    scale = 10 ** (peak_dbfs / 20) / np.abs(samples).max()
    scaled: FloatArray = (samples * scale).astype(np.float32)
    return scaled
