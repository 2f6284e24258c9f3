"""Answers of a bundle to recordings without a bird: speech, hum, rain.

    python -m benchmarks.nonbird_sounds --bundle runs/birds/bundle

Speech is synthesized by espeak-ng in several voices and languages. Hum and rain are synthesized
here, in other ways than the noises of the demo and of training, so that the bundle has not learned
from them. Each recording has faint white noise, as from a microphone.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import scipy.signal
import soundfile

from birdsong.answers.classifier import Classifier, ClassifyConfig
from birdsong.arrays import FloatArray
from birdsong.bundle.bundle_files import DEFAULT_BUNDLE

N_RECORDINGS = 200
RATE_HZ = 32_000
DURATION_S = 12.0
SEED = 20
_VOICES = ("en", "en-us", "de", "fr", "es", "it", "sv", "pl", "ru", "pt", "nl", "fi")
_VARIANTS = ("", "+f2", "+f4", "+m3", "+m7", "+whisper", "+croak")
_WORDS = (
    "we walked down to the water before the sun came up and nobody said anything for a while",
    "can you hear me now, the recorder has been running for about ten minutes, I think",
    "one two three four five six seven eight nine ten, this is a test of the microphone",
    "put the bag over there and close the gate behind you, please, the dog is still outside",
)


def speech(generator: np.random.Generator) -> FloatArray:
    """Speech, with or without reverberation."""
    voice = str(generator.choice(_VOICES)) + str(generator.choice(_VARIANTS))
    words = " ".join(generator.permutation(_WORDS))
    wav = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", str(generator.integers(110, 190)),
         "-p", str(generator.integers(20, 80)), "--stdout", words],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    samples, rate_hz = soundfile.read(io.BytesIO(wav), dtype="float32")
    samples = scipy.signal.resample_poly(samples, RATE_HZ, rate_hz).astype(np.float32)
    samples = np.resize(samples, _n_samples())
    if generator.random() < 0.5:  # reverberation
        n_echo = round(generator.uniform(0.1, 0.6) * RATE_HZ)
        echo = generator.standard_normal(n_echo) * np.exp(-6 * np.arange(n_echo) / n_echo)
        samples = samples + 0.05 * scipy.signal.fftconvolve(samples, echo)[: len(samples)]
    return np.asarray(samples, np.float32)


def hum(generator: np.random.Generator) -> FloatArray:
    """Hum of a transformer or motor: harmonics of a drifting tone, with amplitude modulation."""
    times_s = np.arange(_n_samples()) / RATE_HZ
    fundamental_hz = generator.choice([50.0, 60.0, generator.uniform(80, 240)])
    drift = np.cumsum(generator.normal(0, 1e-6, _n_samples())) * generator.uniform(0, 3)
    samples = np.zeros(_n_samples())
    for n in range(1, int(generator.integers(8, 60))):
        strength = generator.exponential() / n ** generator.uniform(0.4, 1.2)
        modulation = 1 + generator.uniform(0, 0.5) * np.sin(
            2 * np.pi * (generator.uniform(0.1, 8) * times_s + generator.random())
        )
        phase = 2 * np.pi * (n * fundamental_hz * times_s * (1 + drift) + generator.random())
        samples += strength * modulation * np.sin(phase)
    return np.asarray(samples, np.float32)


def rain(generator: np.random.Generator) -> FloatArray:
    """Rain: short decaying tones at random pitches, over coloured noise."""
    samples = np.zeros(_n_samples() + RATE_HZ)
    for _ in range(generator.poisson(generator.uniform(20, 400) * DURATION_S)):
        n = int(generator.integers(60, 1500))
        pitch_hz = generator.uniform(400, 9000)
        drop = np.exp(-7 * np.arange(n) / n) * np.sin(
            2 * np.pi * pitch_hz * np.arange(n) / RATE_HZ + generator.uniform(0, 6.28)
        )
        start = int(generator.integers(_n_samples()))
        samples[start : start + n] += generator.exponential() * drop
    rush = scipy.signal.lfilter(
        [1], [1, -generator.uniform(0.2, 0.95)], generator.normal(size=_n_samples())
    )
    swell = 1 + 0.4 * np.sin(
        2 * np.pi * np.arange(_n_samples()) / RATE_HZ * generator.uniform(0.05, 0.3)
    )
    return np.asarray(
        samples[: _n_samples()] + generator.uniform(0.1, 1) * rush * swell, np.float32
    )


KINDS: dict[str, Callable[[np.random.Generator], FloatArray]] = {
    "speech": speech,
    "hum": hum,
    "rain": rain,
}


def make_recording(number: int) -> tuple[str, bytes]:
    """Make one recording.

    Returns
    -------
    kind : str
    content : bytes
        A WAV file of 16 bits.
    """
    generator = np.random.default_rng([SEED, number])
    kind = list(KINDS)[number % len(KINDS)]
    samples = KINDS[kind](generator)
    samples = samples / np.abs(samples).max() * 10 ** (generator.uniform(-30, -3) / 20)
    samples += generator.normal(0, 10 ** (generator.uniform(-75, -55) / 20), len(samples))
    content = io.BytesIO()
    soundfile.write(content, np.clip(samples, -1, 1), RATE_HZ, format="WAV", subtype="PCM_16")
    return kind, content.getvalue()


def main(arguments: Sequence[str] | None = None) -> int:
    """Classify the recordings, and print the ranks of the answers by kind."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.nonbird_sounds", description=__doc__
    )
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE)
    parser.add_argument("--promise", type=float, default=0.9)
    parser.add_argument("--recordings", type=int, default=N_RECORDINGS)
    options = parser.parse_args(arguments)
    if shutil.which("espeak-ng") is None:
        parser.error("speech needs espeak-ng; install Debian's package of that name")
    classifier = Classifier.load(options.bundle)
    config = ClassifyConfig(promise=options.promise)
    ranks: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for number in range(options.recordings):
        kind, content = make_recording(number)
        prediction = classifier.classify(content, name=f"{kind} {number}", config=config)
        if prediction.answer is None:
            raise SystemExit(f"{kind} {number}: no answer ({prediction.error})")
        ranks[kind][prediction.answer.rank] += 1
        if prediction.answer.rank == "species":
            print(f"{kind} {number}: {prediction.answer.taxon} {prediction.answer.probability:.2f}")
    for kind, counted in ranks.items():
        answers = ", ".join(f"{rank} {n}" for rank, n in counted.most_common())
        print(f"{kind}: {counted.total()} recordings: {answers}")
    n_species = sum(counted["species"] for counted in ranks.values())
    print(f"{options.recordings} recordings without a bird: {n_species} got a species")
    return 0


def _n_samples() -> int:
    return round(DURATION_S * RATE_HZ)


if __name__ == "__main__":
    sys.exit(main())
