"""Write synthetic recordings as FLAC files, with the rows of their manifest."""

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
    """Write recordings of several individuals of each species.

    Parameters
    ----------
    audio_dir : Path
        Created if it is missing.
    n_individuals, takes_per_individual : int
    first_individual : int
        Number of the first individual; other numbers give other individuals.
    seed : int
    config : SynthesisConfig, optional
    species : sequence of SyntheticSpecies
    n_jobs : int
        Number of parallel processes; it does not change the recordings.

    Returns
    -------
    list of Recording
        Rows of a manifest; the takes of one individual are one session.
    """
    from joblib import Parallel, delayed

    jobs = [
        (bird, individual, take)
        for bird in species
        for individual in range(first_individual, first_individual + n_individuals)
        for take in range(takes_per_individual)
    ]
    return list(
        Parallel(n_jobs=n_jobs)(
            delayed(_write_recording)(audio_dir, bird, individual, take, seed, config)
            for bird, individual, take in jobs
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
    """Write recordings without a bird.

    Parameters
    ----------
    audio_dir : Path
        Created if it is missing.
    n : int
    seed : int
    config : SynthesisConfig, optional
    kinds : sequence of str
        Kinds of `NOISES`, used in turn.

    Returns
    -------
    list of Recording
        Rows of a manifest, marked as background.
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
    """Write a FLAC file and check that it is complete.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    try:
        soundfile.write(path, samples, sample_rate_hz)
        # libsndfile reports no error if a full disk cuts off the last frames of a FLAC file.
        if soundfile.info(path).frames != len(samples):
            raise RuntimeError("its end is missing")
    except (soundfile.SoundFileError, RuntimeError, AssertionError) as error:
        problem = str(getattr(error, "error_string", error) or "unknown error").rstrip(".")
        raise WriteError(
            f"{path}: cannot be written ({problem}); check that the disk is not full and "
            "the folder is writable"
        ) from error
