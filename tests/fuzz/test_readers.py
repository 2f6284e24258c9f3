"""Everything that reads bytes from outside ends, or says why not; what fuzzing found stays found.

`fuzz.run` does this for minutes, led by what code is reached; here each reader gets some of it.
"""

import numpy as np
import pytest

from fuzz import readers

N_CHANGED = 60


@pytest.mark.parametrize("name", readers.READERS)
def test_what_it_takes(name):
    for seed in readers.seeds(name):
        assert readers.run_reader(name, seed)


@pytest.mark.parametrize("name", readers.READERS)
def test_nothing_at_all_and_what_is_cut_off(name):
    readers.run_reader(name, b"")
    for seed in readers.seeds(name):
        for n in (1, 2, 10, len(seed) // 2, len(seed) - 1):
            readers.run_reader(name, seed[:n])
        readers.run_reader(name, seed + seed)


@pytest.mark.parametrize("name", readers.READERS)
def test_some_bytes_are_others(name):
    generator = np.random.default_rng(sorted(readers.READERS).index(name))
    seeds = readers.seeds(name)
    for number in range(N_CHANGED):
        changed = bytearray(seeds[number % len(seeds)])
        for place in generator.integers(0, len(changed), generator.integers(1, 20)):
            changed[place] = generator.integers(256)
        if number % 3 == 0:
            start, length = generator.integers(0, len(changed), 2)
            del changed[start : start + length]
        readers.run_reader(name, bytes(changed))
