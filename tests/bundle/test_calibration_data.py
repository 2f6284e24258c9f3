"""What calibrates a bundle: a round trip, and what must be refused."""

import io
import zipfile
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdsong.bundle.calibration_data import (
    CalibrationData,
    calibration_from_bytes,
    calibration_to_bytes,
)


def drawn(seed: int, n: int = 5, n_labels: int = 4) -> CalibrationData:
    generator = np.random.default_rng(seed)
    sizes = generator.integers(1, 6, n)
    return CalibrationData(
        logits=generator.normal(0, 5, (sizes.sum(), n_labels)).astype(np.float32),
        starts_s=np.concatenate([1.5 * np.arange(size) for size in sizes]).astype(np.float32),
        signal_level_db=generator.uniform(0, 40, sizes.sum()).astype(np.float32),
        offsets=np.concatenate([[0], np.cumsum(sizes)]),
        y_true=generator.integers(0, n_labels, n),
        folds=np.full(n, seed),
        recordings=tuple(f"é/{seed}-{i}.wav" for i in range(n)),
        sessions=tuple(f"{seed}-{i // 2}" for i in range(n)),
    )


def assert_same(one: CalibrationData, other: CalibrationData, **tolerance: float) -> None:
    for field in fields(CalibrationData):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if field.name == "logits":
            np.testing.assert_allclose(first, second, **tolerance)
        else:
            np.testing.assert_array_equal(first, second)


@given(st.integers(0, 99))
def test_round_trip(seed):
    data = drawn(seed)
    content = calibration_to_bytes(data)
    assert content == calibration_to_bytes(data), "no time of day in it"
    again = calibration_from_bytes(content)
    assert_same(data, again, rtol=1e-3)
    assert calibration_to_bytes(again) == content, "rounded once"


def test_a_thousand_recordings_take_a_megabyte():
    data = drawn(1, n=1000, n_labels=89)
    assert len(calibration_to_bytes(data)) < 1e6


def test_segments_are_those_of_each_recording():
    parts = [drawn(1), drawn(2, n=1), drawn(3)]
    data = CalibrationData.concatenate(parts)
    assert len(data) == 11
    assert data.recordings[5] == "é/2-0.wav"
    np.testing.assert_array_equal(data.logits[data.segments[5]], parts[1].logits)
    assert sum(part.stop - part.start for part in data.segments) == len(data.logits)


def test_recordings_are_cut():
    data = drawn(4)
    sizes = np.diff(data.offsets)
    half = data.first_half()
    np.testing.assert_array_equal(np.diff(half.offsets), (sizes + 1) // 2)
    begun = data.first_seconds(4.5, segment_s=3.0)
    np.testing.assert_array_equal(np.diff(begun.offsets), np.minimum(sizes, 2))
    nothing_ends_so_soon = data.first_seconds(1.0, segment_s=3.0)
    assert (np.diff(nothing_ends_so_soon.offsets) == 1).all()
    for cut in (half, begun, nothing_ends_so_soon):
        assert cut.recordings == data.recordings
        for whole, part in zip(data.segments, cut.segments, strict=True):
            n = part.stop - part.start
            np.testing.assert_array_equal(cut.logits[part], data.logits[whole][:n])
    chosen = data.of(np.array([3, 0]))
    assert chosen.recordings == (data.recordings[3], data.recordings[0])
    np.testing.assert_array_equal(chosen.logits[chosen.segments[1]], data.logits[data.segments[0]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"offsets": np.array([0, 1, 1, 2, 3, 4])}, "every recording needs at least one segment"),
        ({"offsets": np.arange(6)}, "the recordings do not hold the"),
        ({"y_true": np.array([0, 1, 2, 3, 4])}, r"a class index is not in -1\.\.3"),
        ({"y_true": np.array([0, 1])}, "differ in number"),
        ({"starts_s": np.zeros(2, np.float32)}, "2 segments, but logits of shape"),
        ({"signal_level_db": np.zeros(2)}, r"segments, but signal levels of shape \(2,\)"),
    ],
)
def test_parts_that_do_not_fit(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(drawn(0), **changes)


def packed(**arrays) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def test_a_file_that_is_something_else():
    data = drawn(0)
    arrays = {field.name: np.asarray(getattr(data, field.name)) for field in fields(data)}
    arrays["song_db"] = arrays.pop("signal_level_db")  # the name that files have
    assert_same(calibration_from_bytes(packed(**arrays)), data)
    earlier = {name: array for name, array in arrays.items() if name != "song_db"}
    assert not calibration_from_bytes(packed(**earlier)).signal_level_db.any(), "all weigh as much"
    with pytest.raises(ValueError, match=r"calibration.npz cannot be used \(File is not a zip"):
        calibration_from_bytes(b"no archive")
    with pytest.raises(ValueError, match="sessions is not a file in the archive"):
        calibration_from_bytes(packed(**{k: v for k, v in arrays.items() if k != "sessions"}))
    hostile = {**arrays, "y_true": np.array([print] * 5, dtype=object)}
    with pytest.raises(ValueError, match="allow_pickle=False"):
        calibration_from_bytes(packed(**hostile))
    with pytest.raises(ValueError, match="'y_true': expected numbers, got <U"):
        calibration_from_bytes(packed(**{**arrays, "y_true": np.array(list("01234"))}))
    endless = {**arrays, "logits": np.full((len(data.logits), 4), np.nan)}
    with pytest.raises(ValueError, match="not a finite number"):
        calibration_from_bytes(packed(**endless))


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (b"", "calibration.npz cannot be used"),
        (b"no array", "'recordings': expected text, got no array"),  # found by fuzzing
        (b"72 TB", "Unable to allocate"),
    ],
)
def test_a_member_that_is_no_array_or_says_that_it_is_huge(member, message):
    if member == b"72 TB":
        header = io.BytesIO()
        shape = {"descr": "<f8", "fortran_order": False, "shape": (10**13,)}
        np.lib.format.write_array_header_1_0(header, shape)
        member = header.getvalue()
    content = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(calibration_to_bytes(drawn(0)))) as whole,
        zipfile.ZipFile(content, "w") as changed,
    ):
        for name in whole.namelist():
            changed.writestr(name, member if name == "recordings.npy" else whole.read(name))
    with pytest.raises(ValueError, match=message):
        calibration_from_bytes(content.getvalue())


def test_a_file_that_unpacks_to_too_much(monkeypatch):
    monkeypatch.setattr("birdsong.bundle.calibration_data._MAX_BYTES", 1000)
    content = calibration_to_bytes(drawn(0))
    assert zipfile.is_zipfile(io.BytesIO(content))
    with pytest.raises(ValueError, match="would unpack to more than 1000 bytes"):
        calibration_from_bytes(content)
