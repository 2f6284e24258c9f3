"""Calibration data: logits of recordings that a network was not trained on.

Training predicts them, the bundle stores them, and thresholds are fitted to them. The file is a
NumPy ``npz`` without pickled objects, so reading it runs no code from it.
"""

from __future__ import annotations

import io
import itertools
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from birdsong.arrays import FloatArray, IntArray

CALIBRATION_FILE = "calibration.npz"
_MAX_BYTES = 512 * 1024 * 1024  # unpacked: a small file may claim to hold anything
# RuntimeError: a member is encrypted, or compressed by an unknown method.
_DAMAGE = (
    *(KeyError, OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error),
    MemoryError,  # an array that declares an impossible size
)
_KINDS = {"numbers": "fiu", "text": "U"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibrationData:
    """Recordings, their true labels, and the logits of each of their segments.

    Attributes
    ----------
    logits : float32, shape (n_segments, n_labels)
        The background, if any, is the last column. The segments of a recording are consecutive, in
        order of time.
    starts_s : float32, shape (n_segments,)
        Where each segment starts in its recording.
    signal_level_db : float32, shape (n_segments,)
        Level of the signal in each segment, by which `pooling` weighs it.
    offsets : int64, shape (n_recordings + 1,)
        The segments of recording ``i`` are those from ``offsets[i]`` to ``offsets[i + 1]``.
    y_true : int64, shape (n_recordings,)
        The class index of each recording, never the background's; -1 for a bird without a label,
        which is not used to calibrate.
    folds : int64, shape (n_recordings,)
        The fold of each recording; its logits are from the network that did not train on that fold.
        All 0 if there was one network.
    recordings, sessions : tuple of str, length n_recordings
    """

    logits: FloatArray
    starts_s: FloatArray
    signal_level_db: FloatArray
    offsets: IntArray
    y_true: IntArray
    folds: IntArray
    recordings: tuple[str, ...]
    sessions: tuple[str, ...]

    def __len__(self) -> int:
        """Count the recordings."""
        return len(self.recordings)

    def __post_init__(self) -> None:
        n, n_segments = len(self.recordings), len(self.starts_s)
        if self.logits.ndim != 2 or len(self.logits) != n_segments:
            raise ValueError(f"{n_segments} segments, but logits of shape {self.logits.shape}")
        if self.signal_level_db.shape != (n_segments,):
            raise ValueError(
                f"{n_segments} segments, but signal levels of shape {self.signal_level_db.shape}"
            )
        if len({n, len(self.sessions), len(self.y_true), len(self.folds)}) > 1:
            raise ValueError("recordings, sessions, classes and folds differ in number")
        if self.offsets.shape != (n + 1,) or not (np.diff(self.offsets) > 0).all():
            raise ValueError("every recording needs at least one segment")
        if self.offsets[0] != 0 or self.offsets[-1] != n_segments:
            raise ValueError(f"the recordings do not hold the {n_segments} segments")
        if n and not -1 <= self.y_true.min() <= self.y_true.max() < self.logits.shape[1]:
            raise ValueError(f"a class index is not in -1..{self.logits.shape[1] - 1}")
        for name, numbers in (("logit", self.logits), ("signal level", self.signal_level_db)):
            if not np.isfinite(numbers).all():
                raise ValueError(f"a {name} is not a finite number")

    @property
    def segments(self) -> tuple[slice, ...]:
        """Which rows of `logits` are those of each recording."""
        return tuple(slice(*pair) for pair in itertools.pairwise(self.offsets.tolist()))

    def of(self, chosen: npt.NDArray[np.integer]) -> CalibrationData:
        """Return some of the recordings, at least one of them, by their indices."""
        all_segments = self.segments
        segments = [all_segments[i] for i in chosen]
        sizes = [own.stop - own.start for own in segments]
        return CalibrationData(
            logits=np.concatenate([self.logits[own] for own in segments]),
            starts_s=np.concatenate([self.starts_s[own] for own in segments]),
            signal_level_db=np.concatenate([self.signal_level_db[own] for own in segments]),
            offsets=np.concatenate([[0], np.cumsum(sizes)]),
            y_true=self.y_true[chosen],
            folds=self.folds[chosen],
            recordings=tuple(self.recordings[i] for i in chosen),
            sessions=tuple(self.sessions[i] for i in chosen),
        )

    def cut(self, n_segments: IntArray) -> CalibrationData:
        """Return the recordings with only their first segments, at least one each.

        Parameters
        ----------
        n_segments : int, shape (n_recordings,)
            How many segments each keeps.
        """
        sizes = np.clip(n_segments, 1, np.diff(self.offsets))
        kept = np.concatenate(
            [
                np.arange(own.start, own.start + n)
                for own, n in zip(self.segments, sizes, strict=True)
            ]
        )
        return replace(
            self,
            logits=self.logits[kept],
            starts_s=self.starts_s[kept],
            signal_level_db=self.signal_level_db[kept],
            offsets=np.concatenate([[0], np.cumsum(sizes)]),
        )

    def first_half(self) -> CalibrationData:
        """Return the recordings with the first half of their segments."""
        return self.cut((np.diff(self.offsets) + 1) // 2)

    def first_seconds(self, seconds: float, segment_s: float) -> CalibrationData:
        """Return the recordings with the segments that end within the first seconds.

        Parameters
        ----------
        seconds : float
        segment_s : float
            How long a segment is.
        """
        within = self.starts_s + segment_s <= seconds + 1e-3
        return self.cut(np.add.reduceat(within.astype(np.int64), self.offsets[:-1]))

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Concatenate the recordings of several networks with the same labels."""
        sizes = np.concatenate([np.diff(part.offsets) for part in parts])
        return cls(
            logits=np.concatenate([part.logits for part in parts]),
            starts_s=np.concatenate([part.starts_s for part in parts]),
            signal_level_db=np.concatenate([part.signal_level_db for part in parts]),
            offsets=np.concatenate([[0], np.cumsum(sizes)]),
            y_true=np.concatenate([part.y_true for part in parts]),
            folds=np.concatenate([part.folds for part in parts]),
            recordings=tuple(name for part in parts for name in part.recordings),
            sessions=tuple(name for part in parts for name in part.sessions),
        )


def calibration_to_bytes(data: CalibrationData) -> bytes:
    """Write as ``npz``, the logits in half precision: a megabyte holds a thousand recordings."""
    content = io.BytesIO()
    np.savez_compressed(
        content,
        logits=np.clip(data.logits, -6e4, 6e4).astype(np.float16),
        starts_s=data.starts_s,
        song_db=data.signal_level_db,
        offsets=data.offsets,
        y_true=data.y_true,
        folds=data.folds,
        recordings=np.array(data.recordings, np.str_),
        sessions=np.array(data.sessions, np.str_),
    )
    return content.getvalue()


def calibration_from_bytes(content: bytes) -> CalibrationData:
    """Read what `calibration_to_bytes` wrote.

    Raises
    ------
    ValueError
        If it is anything else, or damaged.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MAX_BYTES:
                raise ValueError(f"it would unpack to more than {_MAX_BYTES} bytes")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            y_true = _array(arrays, "y_true", "numbers").astype(np.int64)
            if (y_true < 0).any():
                raise ValueError("a recording is of no label")
            starts_s = _array(arrays, "starts_s", "numbers").astype(np.float32)
            return CalibrationData(
                logits=_array(arrays, "logits", "numbers").astype(np.float32),
                starts_s=starts_s,
                # Older files lack levels, and give all segments the same weight.
                signal_level_db=(
                    _array(arrays, "song_db", "numbers").astype(np.float32)
                    if "song_db" in arrays
                    else np.zeros_like(starts_s)
                ),
                offsets=_array(arrays, "offsets", "numbers").astype(np.int64),
                y_true=y_true,
                folds=_array(arrays, "folds", "numbers").astype(np.int64),
                recordings=tuple(str(name) for name in _array(arrays, "recordings", "text")),
                sessions=tuple(str(name) for name in _array(arrays, "sessions", "text")),
            )
    except _DAMAGE as error:
        raise ValueError(f"{CALIBRATION_FILE} cannot be used ({error})") from error


def _array(
    arrays: Mapping[str, npt.NDArray[np.generic]], name: str, kind: str
) -> npt.NDArray[np.generic]:
    """Return an array of one of `_KINDS`; numpy returns bytes for a member that is not an array."""
    array = arrays[name]
    got = array.dtype if isinstance(array, np.ndarray) else "no array"
    if not isinstance(array, np.ndarray) or array.dtype.kind not in _KINDS[kind]:
        raise ValueError(f"{name!r}: expected {kind}, got {got}")
    return array
