"""Synthetic recordings as files, and the rows of a manifest that name them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import soundfile

from birdsong.arrays import FloatArray
from birdsong.errors import WriteError
from birdsong.recordings.recording import BACKGROUND, KIND, Recording
from birdsong.synthetic.backgrounds import BACKGROUNDS
from birdsong.synthetic.species import SPECIES, SyntheticSpecies
from birdsong.synthetic.synthesis import SynthesisConfig, render_noise, render_recording

_RECORDIST, _LICENCE = "birdsong synthesis", "CC0 1.0"


def write_recordings(
    audio_dir: Path,
    *,
    n_individuals: int,
    takes_per_individual: int = 1,
    first_individual: int = 0,
    seed: int = 0,
    config: SynthesisConfig | None = None,
    species: Sequence[SyntheticSpecies] = SPECIES,
    n_jobs: int = 1,
) -> list[Recording]:
    """Record individuals of each species as FLAC files.

    Parameters
    ----------
    audio_dir : Path
        Made if need be.
    n_individuals, takes_per_individual : int
    first_individual : int
        Other numbers are other birds.
    seed : int
    config : SynthesisConfig, optional
    species : sequence of SyntheticSpecies
    n_jobs : int
        Recordings made side by side; it does not change them.

    Returns
    -------
    list of Recording
        Rows for a manifest; the takes of one individual share a session.
    """
    from joblib import Parallel, delayed

    birds = [
        (bird, individual, take)
        for bird in species
        for individual in range(first_individual, first_individual + n_individuals)
        for take in range(takes_per_individual)
    ]
    return list(
        Parallel(n_jobs=n_jobs)(
            delayed(_write_recording)(audio_dir, bird, individual, take, seed, config)
            for bird, individual, take in birds
        )
    )


def write_noises(
    audio_dir: Path,
    *,
    n: int,
    seed: int = 0,
    config: SynthesisConfig | None = None,
    kinds: Sequence[str] = BACKGROUNDS,
) -> list[Recording]:
    """Record places without a bird as FLAC files.

    Parameters
    ----------
    audio_dir : Path
        Made if need be.
    n : int
    seed : int
    config : SynthesisConfig, optional
    kinds : sequence of str
        Of `NOISES`; they take turns.

    Returns
    -------
    list of Recording
        Rows for a manifest, which say that there is no bird.
    """
    audio_dir.mkdir(parents=True, exist_ok=True)
    recordings = []
    for index in range(n):
        noise = render_noise(index=index, seed=seed, config=config, kinds=kinds)
        file = f"noise{index:03d}_{noise.background}.flac"
        _write_flac(audio_dir / file, noise.samples, noise.sample_rate_hz)
        recordings.append(
            Recording(file=file, recordist=_RECORDIST, licence=_LICENCE, extra={KIND: BACKGROUND})
        )
    return recordings


def _write_recording(
    audio_dir: Path,
    species: SyntheticSpecies,
    individual: int,
    take: int,
    seed: int,
    config: SynthesisConfig | None,
) -> Recording:
    file = f"{species.genus}_{species.species}/bird{individual:03d}_take{take}.flac"
    rendered = render_recording(species, individual=individual, take=take, seed=seed, config=config)
    (audio_dir / file).parent.mkdir(parents=True, exist_ok=True)
    _write_flac(audio_dir / file, rendered.samples, rendered.sample_rate_hz)
    return Recording(
        file=file,
        order=species.order,
        family=species.family,
        genus=species.genus,
        species=species.species,
        english_name=species.english_name,
        recordist=_RECORDIST,
        licence=_LICENCE,
        session=f"{species.genus}_{species.species}_bird{individual:03d}",
    )


def _write_flac(path: Path, samples: FloatArray, sample_rate_hz: int) -> None:
    """Write a recording, and make sure that all of it is there.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    try:
        soundfile.write(path, samples, sample_rate_hz)
        # libsndfile says nothing where the last frames of a FLAC find no room on the disk.
        if soundfile.info(path).frames != len(samples):
            raise RuntimeError("its end is missing")
    except (soundfile.SoundFileError, RuntimeError, AssertionError) as error:
        words = str(getattr(error, "error_string", error) or "it says no more").rstrip(".")
        raise WriteError(
            f"{path}: cannot be written ({words}); look whether the disk is full and the folder "
            "may be written into"
        ) from error
