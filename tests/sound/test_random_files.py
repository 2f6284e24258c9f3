"""Random files: everything declared or present is decoded or reported missing."""

from __future__ import annotations

import numpy as np
import pytest

from birdsong.errors import AudioError
from birdsong.sound.audio_reader import AudioReader
from tests.odd_files.base import OddFile
from tests.odd_files.drawn import draw

RATE_HZ = 24_000
SOME_S = 0.3  # less than that may be refused
N_USUAL, N_SLOW = 50, 2_000


def fault(odd: OddFile) -> str:
    """What is wrong with how a file is heard; empty where nothing is."""
    try:
        with AudioReader(odd.content, RATE_HZ) as reader:
            samples = np.concatenate(list(reader.blocks()))
            reader.warnings(highest_hz=11_000)
            decoded_s, missing_s = reader.duration_s, reader.missing_s
    except AudioError as error:
        return f"refused: {error}" if odd.present_s >= SOME_S else ""
    at_most_s = odd.present_s if odd.at_most_s is None else odd.at_most_s
    expected_s = max(odd.present_s, odd.declared_s or 0.0)
    lengths = (
        f"decoded {decoded_s:.3f} s and missing {missing_s:.3f} s; present {odd.present_s:.3f} to "
        f"{at_most_s:.3f} s, declared {odd.declared_s}"
    )
    if decoded_s + missing_s < expected_s - odd.tolerance_s:
        return f"neither decoded nor reported: {lengths}"
    if odd.all_decoded and decoded_s < odd.present_s - odd.tolerance_s:
        return f"not decoded: {lengths}"
    if decoded_s > at_most_s + odd.tolerance_s:
        return f"more decoded than is there: {lengths}"
    if missing_s > max(0.0, expected_s - decoded_s) + odd.tolerance_s and odd.at_most_s is None:
        return f"more missing than was declared: {lengths}"
    if abs(len(samples) / RATE_HZ - decoded_s) > 0.02:
        return f"{len(samples) / RATE_HZ:.3f} s handed out: {lengths}"
    if odd.present_s >= SOME_S and not np.sqrt(np.mean(np.square(samples))) > 1e-3:
        return f"the channels cancel: {lengths}"
    return ""


def faults(seeds: range) -> str:
    """What is wrong, a line a file, with the seed that draws it."""
    found = []
    for seed in seeds:
        odd = draw(seed)
        if problem := fault(odd):
            found.append(f"draw({seed}), {odd.name}: {problem}")
    return "\n".join(found)


@pytest.mark.parametrize("first", range(0, N_USUAL, 10))
def test_everything_is_decoded_or_reported_missing(first):
    assert faults(range(first, first + 10)) == ""


@pytest.mark.slow
@pytest.mark.parametrize("first", range(N_USUAL, N_SLOW, 50))
def test_everything_is_decoded_or_reported_missing_over_many_seeds(first):
    assert faults(range(first, first + 50)) == ""


def test_the_same_seed_draws_the_same_file():
    assert [draw(seed).content for seed in range(8)] == [draw(seed).content for seed in range(8)]
