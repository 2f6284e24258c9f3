"""Whatever is drawn: everything declared or present is heard or told."""

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
            heard_s, missing_s = reader.duration_s, reader.missing_s
    except AudioError as error:
        return f"refused: {error}" if odd.present_s >= SOME_S else ""
    at_most_s = odd.present_s if odd.at_most_s is None else odd.at_most_s
    wanted_s = max(odd.present_s, odd.declared_s or 0.0)
    figures = (
        f"heard {heard_s:.3f} s and missing {missing_s:.3f} s; present {odd.present_s:.3f} to "
        f"{at_most_s:.3f} s, declared {odd.declared_s}"
    )
    if heard_s + missing_s < wanted_s - odd.tolerance_s:
        return f"neither heard nor told: {figures}"
    if odd.all_heard and heard_s < odd.present_s - odd.tolerance_s:
        return f"not heard: {figures}"
    if heard_s > at_most_s + odd.tolerance_s:
        return f"more heard than is there: {figures}"
    if missing_s > max(0.0, wanted_s - heard_s) + odd.tolerance_s and odd.at_most_s is None:
        return f"more missing than was declared: {figures}"
    if abs(len(samples) / RATE_HZ - heard_s) > 0.02:
        return f"{len(samples) / RATE_HZ:.3f} s handed out: {figures}"
    if odd.present_s >= SOME_S and not np.sqrt(np.mean(np.square(samples))) > 1e-3:
        return f"the channels cancel: {figures}"
    return ""


def faults(seeds: range) -> str:
    """What is wrong, a line a file, with the seed that draws it."""
    found = []
    for seed in seeds:
        odd = draw(seed)
        if said := fault(odd):
            found.append(f"draw({seed}), {odd.name}: {said}")
    return "\n".join(found)


@pytest.mark.parametrize("first", range(0, N_USUAL, 10))
def test_everything_declared_or_present_is_heard_or_told(first):
    assert faults(range(first, first + 10)) == ""


@pytest.mark.slow
@pytest.mark.parametrize("first", range(N_USUAL, N_SLOW, 50))
def test_so_it_is_over_many_draws(first):
    assert faults(range(first, first + 50)) == ""


def test_the_same_seed_draws_the_same_file():
    assert [draw(seed).content for seed in range(8)] == [draw(seed).content for seed in range(8)]
