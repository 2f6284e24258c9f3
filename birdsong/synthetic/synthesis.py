"""Recordings of synthetic birds with known songs, and of places without a bird.

They are the offline demo, the tests' fixtures and the load generator.

Everything is drawn from ``(seed, what, which)``, so that a recording is the same whatever else is
made, in any order, by any number of processes.
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
from birdsong.synthetic.species import SyntheticSpecies


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesisConfig:
    """What synthetic recordings are like; pairs are drawn from evenly.

    Attributes
    ----------
    sample_rate_hz : int
    duration_s : tuple of float
        Length of a recording.
    gap_s : tuple of float
        Silence between two strophes.
    snr_db : tuple of float
        Power of the song while it sounds over that of the background, both within 200 to
        11,000 Hz.
    peak_dbfs : tuple of float
        Level of the loudest sample.
    pitch_deviation_octaves, tempo_deviation_octaves : float
        How far individuals of a species differ: standard deviations.
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
    """A recording of which everything is known.

    Attributes
    ----------
    samples : float32, shape (n_samples,), values in [-1, 1]
    sample_rate_hz : int
    songs : tuple of (start_s, end_s)
        When a strophe sounds.
    background : str
    snr_db : float
        Minus infinity without a bird.
    species : SyntheticSpecies or None
        Who sings, and which `individual`; None without a bird.
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
    """Record one individual once.

    Parameters
    ----------
    species : SyntheticSpecies
    individual : int
        Which bird: it keeps its pitch, tempo and repertoire, and its place with its background.
    take : int
        Which of its recordings: distance, level and the order of strophes change.
    seed : int
    config : SynthesisConfig, optional
    background : str, optional
        One of `BACKGROUNDS`; drawn for the individual's place by default.

    Returns
    -------
    SyntheticRecording
    """
    config = config or SynthesisConfig()
    rate_hz = config.sample_rate_hz
    name = zlib.crc32(species.scientific_name.encode())
    bird = np.random.default_rng((seed, name, individual))
    repertoire = [
        individual_song(
            species.song,
            bird,
            pitch_deviation_octaves=config.pitch_deviation_octaves,
            tempo_deviation_octaves=config.tempo_deviation_octaves,
        )
        for _ in range(bird.integers(1, 4))
    ]
    place = background or str(bird.choice(BACKGROUNDS))

    drawn = np.random.default_rng((seed, name, individual, 1 + take))
    duration_s = float(drawn.uniform(*config.duration_s))
    song = np.zeros(round(duration_s * rate_hz), np.float32)
    songs: list[tuple[float, float]] = []
    start_s = drawn.uniform(0, config.gap_s[1] / 2)
    while True:
        strophe = render_strophe(repertoire[drawn.integers(len(repertoire))], rate_hz, drawn)
        end_s = start_s + len(strophe) / rate_hz
        first = round(start_s * rate_hz)
        if first + len(strophe) > len(song):
            if not songs:  # a recording without its bird would be a lie
                cut = fade_edges(strophe[: len(song)], rate_hz)
                song[: len(cut)] = cut
                songs.append((0.0, len(cut) / rate_hz))
            break
        song[first : first + len(strophe)] = strophe
        songs.append((start_s, end_s))
        start_s = end_s + drawn.uniform(*config.gap_s)
    song = _carry(song, rate_hz, drawn)

    snr_db = float(drawn.uniform(*config.snr_db))
    noise = render_background(
        place,
        duration_s=duration_s,
        sample_rate_hz=rate_hz,
        generator=drawn,
        place=np.random.default_rng((seed, name, individual, 0, 1)),
    )
    sounding_share = sum(end - start for start, end in songs) / duration_s
    song_power = band_power(song, rate_hz) / sounding_share
    mixed = song + noise * np.float32(np.sqrt(song_power / 10 ** (snr_db / 10)))
    return SyntheticRecording(
        _at_level(mixed, float(drawn.uniform(*config.peak_dbfs))),
        rate_hz,
        tuple(songs),
        place,
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
    """Record a place without a bird; the kinds, of `NOISES`, take turns with `index`."""
    config = config or SynthesisConfig()
    generator = np.random.default_rng((seed, index))
    kind = kinds[index % len(kinds)]
    noise = render_background(
        kind,
        duration_s=float(generator.uniform(*config.duration_s)),
        sample_rate_hz=config.sample_rate_hz,
        generator=generator,
    )
    samples = _at_level(noise, float(generator.uniform(*config.peak_dbfs)))
    return SyntheticRecording(samples, config.sample_rate_hz, (), kind, float("-inf"))


def _carry(song: FloatArray, rate_hz: int, drawn: np.random.Generator) -> FloatArray:
    """Let the song travel: air takes the high tones, trees throw some of it back."""
    n_fft = scipy.fft.next_fast_len(len(song), real=True)
    frequencies_hz = scipy.fft.rfftfreq(n_fft, 1 / rate_hz).astype(np.float32)
    response = np.exp(-frequencies_hz / np.float32(drawn.uniform(4_000, 40_000)))
    direct = scipy.fft.irfft(scipy.fft.rfft(song, n_fft) * response, n_fft)[: len(song)]
    carried: FloatArray = direct.copy()
    for _ in range(drawn.integers(0, 5)):
        delay_s, strength = drawn.uniform(0.01, 0.08), drawn.uniform(0.05, 0.3)
        n_delay = round(delay_s * rate_hz)
        carried[n_delay:] += np.float32(strength) * direct[:-n_delay]
    return carried


def _at_level(samples: FloatArray, peak_dbfs: float) -> FloatArray:
    """Scale so that the loudest sample has the level asked for."""
    scale = 10 ** (peak_dbfs / 20) / np.abs(samples).max()
    scaled: FloatArray = (samples * scale).astype(np.float32)
    return scaled
