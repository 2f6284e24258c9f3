"""One recording to its images: which segments hold a bird, which teach the background."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from birdsong.arrays import FloatArray
from birdsong.errors import AudioError, ConfigError
from birdsong.folder_lock import report_write_errors
from birdsong.images import store
from birdsong.images.png import encode_png
from birdsong.images.tables import IndexRow, ReceiptRow
from birdsong.preprocessing.recording_result import RecordingResult
from birdsong.recordings.recording import BACKGROUND, ORIGINAL_NAME, Recording
from birdsong.runs.jobs import Extend
from birdsong.runs.work_item import WorkItem
from birdsong.sound.audio_reader import AudioReader
from birdsong.sound.segment_proposal import ProposalConfig, find_segments
from birdsong.sound.segments import (
    MIN_DURATION_S,
    Segment,
    grid_segments,
    recording_warnings,
    step_frames,
)
from birdsong.sound.spectrogram import SpectrogramConfig

# The last columns of the receipt.
_Heard = tuple[int, int, float | None, float, float | None, float, str]
_NOTHING: _Heard = (0, 0, None, 0.0, None, 0.0, "")
DURATION_SHARE = 0.1
"""A recording may take this share of its duration, beside the fixed limit."""
_IMAGES_AT_A_TIME = 256  # 3 MB
_SLOWEST_BYTES_PER_S = 500  # of the leanest speech codecs: more time than that no file holds


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprocessConfig:
    """Which segments of a recording become images.

    Attributes
    ----------
    spectrogram : SpectrogramConfig
        How a segment becomes an image.
    songs : ProposalConfig
        What counts as song.
    step_s : float
        Seconds from the start of one segment to the next, in a long song or on the grid.
    grid : bool
        Keep every segment of a regular grid, but silence, instead of those with song.
    min_duration_s : float
        Shorter recordings are skipped.
    """

    spectrogram: SpectrogramConfig = field(default_factory=SpectrogramConfig)
    songs: ProposalConfig = field(default_factory=ProposalConfig)
    step_s: float = 1.0
    grid: bool = False
    min_duration_s: float = MIN_DURATION_S

    def __post_init__(self) -> None:
        step_frames(self.spectrogram, self.step_s)
        if self.min_duration_s < self.spectrogram.n_fft / self.spectrogram.sample_rate_hz:
            raise ConfigError(
                f"min_duration_s must hold at least one frame, got {self.min_duration_s:g}"
            )


def preprocess_recording(
    item: WorkItem,
    extend: Extend,
    *,
    out_dir: Path,
    config: PreprocessConfig,
    filters: FloatArray,
) -> RecordingResult:
    """Make one recording's images. A bad file is a row of the receipt, never an exception.

    Parameters
    ----------
    item : WorkItem
    extend : callable
        Given more seconds for a long recording, once it is open.
    out_dir : Path
        Folder of the images, which are written as they are found worth keeping.
    config : PreprocessConfig
    filters : float32, shape (64, n_fft // 2 + 1)

    Returns
    -------
    RecordingResult
    """
    name = item.name
    if item.path is None:
        return no_images(name, "failed", item.problem)
    found: list[tuple[float, str, str]] = []  # start, image, kind
    waiting: list[tuple[str, bytes]] = []  # image and its content, not on disk yet
    try:
        with AudioReader(item.path, config.spectrogram.sample_rate_hz) as reader:
            extend(DURATION_SHARE * longest_s(reader.info.length_s, item.n_bytes))
            for segment, kind in _segments(reader, item.recording, config, filters):
                image, content = _encoded(item.recording, segment, config)
                found.append((segment.start_s, image, kind))
                waiting.append((image, content))
                if len(waiting) == _IMAGES_AT_A_TIME:
                    _write_images(out_dir, waiting)
                    waiting = []
            _write_images(out_dir, waiting)
            duration_s, heard = round(reader.duration_s, 3), _heard(reader)
            warnings = recording_warnings(reader, config.spectrogram, is_silent=not found)
            is_silence = reader.peak_dbfs == -math.inf
            warnings += _against_manifest(duration_s, item.recording)
    except AudioError as error:
        return no_images(name, "failed", str(error))
    if duration_s < config.min_duration_s:
        reason = f"lasts {duration_s:.2f} s, at least {config.min_duration_s:g} s are needed"
        return no_images(name, "skipped", reason, duration_s, heard)
    if not found:
        reason = "silence" if is_silence else "; ".join(warnings)
        return no_images(name, "skipped", reason, duration_s, heard)
    rows = tuple(
        _index_row(item.recording, start_s, image, kind, duration_s, config)
        for start_s, image, kind in sorted(found)
    )
    reason = "; ".join(warnings)
    receipt = ReceiptRow(name, "ok", reason, duration_s, len(found), len(rows), *heard)
    return RecordingResult(receipt, rows)


def _against_manifest(duration_s: float, recording: Recording) -> list[str]:
    """Warn where another length was expected: with a wrong rate in its header, all is off key."""
    expected_s = recording.clip_duration_s
    if expected_s is None or abs(duration_s - expected_s) <= 0.1 + 0.02 * expected_s:
        return []
    return [
        f"lasts {duration_s:.1f} s, but the manifest says {expected_s:.1f} s: cut, or with a wrong "
        "sample rate in its header"
    ]


def _heard(reader: AudioReader) -> _Heard:
    """What the file of a recording held that was read to its end."""
    peak_dbfs = None if reader.peak_dbfs == -math.inf else round(reader.peak_dbfs, 3)
    clipped_share = round(reader.clipped_share, 3)
    declared_s = None if reader.info.declared_s is None else round(reader.info.declared_s, 3)
    header = reader.info.sample_rate_hz, reader.info.n_channels, peak_dbfs, clipped_share
    return *header, declared_s, round(reader.missing_s, 3), reader.channel


def longest_s(length_s: float, n_bytes: int) -> float:
    """How long a recording may be at most: a header may claim anything, the file's size bounds it.

    Parameters
    ----------
    length_s : float
        What the header says; 0 where it says nothing.
    n_bytes : int
        Size of the file.
    """
    bound_s = n_bytes / _SLOWEST_BYTES_PER_S
    return min(length_s, bound_s) if length_s else bound_s


def _segments(
    reader: AudioReader, recording: Recording, config: PreprocessConfig, filters: FloatArray
) -> Iterator[tuple[Segment, str]]:
    blocks, spectrogram, step_s = reader.blocks(), config.spectrogram, config.step_s
    if recording.is_background:  # wherever one looks, there is no bird
        walk = grid_segments(blocks, spectrogram, filters, step_s=spectrogram.segment_s)
        return ((segment, BACKGROUND) for segment in walk if not segment.silent)
    if config.grid:
        walk = grid_segments(blocks, spectrogram, filters, step_s=step_s)
        return ((segment, "bird") for segment in walk if not segment.silent)
    return find_segments(blocks, spectrogram, filters, config.songs, step_s=step_s)


def _encoded(recording: Recording, segment: Segment, config: PreprocessConfig) -> tuple[str, bytes]:
    """Where an image belongs in the folder, and its PNG."""
    image = store.image_path(recording.name, recording.taxon or BACKGROUND, segment.start_s)
    return image, encode_png(segment.image, fingerprint=config.spectrogram.fingerprint())


def _write_images(out_dir: Path, images: Iterable[tuple[str, bytes]]) -> None:
    """Write some at once, which is several times faster than one between other work.

    In place: until its recording stands in the journal, no image counts as whole.
    """
    with report_write_errors(out_dir):
        for image, content in images:
            path = out_dir / image
            try:
                path.write_bytes(content)
            except FileNotFoundError:
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)


def _index_row(
    recording: Recording,
    start_s: float,
    image: str,
    kind: str,
    duration_s: float,
    config: PreprocessConfig,
) -> IndexRow:
    return IndexRow(
        image=image,
        recording=recording.name,
        session=recording.session,
        start_s=start_s,
        end_s=min(start_s + config.spectrogram.segment_s, duration_s),
        order=recording.order,
        family=recording.family,
        genus=recording.genus,
        species=recording.species,
        kind=kind,
        english_name=recording.english_name,
        original_name=recording.extra.get(ORIGINAL_NAME, ""),
    )


def no_images(
    name: str, status: str, reason: str, duration_s: float = 0.0, heard: _Heard = _NOTHING
) -> RecordingResult:
    """Return what comes of a recording that was skipped or that failed."""
    return RecordingResult(ReceiptRow(name, status, reason, duration_s, 0, 0, *heard), ())
