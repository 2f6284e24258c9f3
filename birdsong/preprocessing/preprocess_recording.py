"""Preprocessing of one recording: its segments of birds and of background become images."""

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
_FileFacts = tuple[int, int, float | None, float, float | None, float, str]
_NO_FACTS: _FileFacts = (0, 0, None, 0.0, None, 0.0, "")
DURATION_SHARE = 0.1
"""Time allowed per recording, as a share of its duration, in addition to the fixed limit."""
_IMAGES_PER_WRITE = 256  # 3 MB
_MIN_BYTES_PER_S = 500  # of the most compressed speech codecs


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprocessConfig:
    """Which segments of a recording become images.

    Attributes
    ----------
    spectrogram : SpectrogramConfig
        How a segment becomes an image.
    songs : ProposalConfig
        What counts as song and as background.
    step_s : float
        Seconds from the start of one segment to the next, in a long song or on the grid.
    grid : bool
        Keep every segment of a regular grid except silence, instead of those with song.
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
        Called with more seconds for a long recording, once it is open.
    out_dir : Path
        Folder of the images.
    config : PreprocessConfig
    filters : float32, shape (n_mels, n_fft // 2 + 1)

    Returns
    -------
    RecordingResult
    """
    name = item.name
    if item.path is None:
        return result_without_images(name, "failed", item.problem)
    found: list[tuple[float, str, str]] = []  # start, image, kind
    unwritten: list[tuple[str, bytes]] = []  # image and its content, not on disk yet
    try:
        with AudioReader(item.path, config.spectrogram.sample_rate_hz) as reader:
            extend(DURATION_SHARE * max_duration_s(reader.info.length_s, item.n_bytes))
            for segment, kind in _segments(reader, item.recording, config, filters):
                image, content = _encode_segment(item.recording, segment, config)
                found.append((segment.start_s, image, kind))
                unwritten.append((image, content))
                if len(unwritten) == _IMAGES_PER_WRITE:
                    _write_images(out_dir, unwritten)
                    unwritten = []
            _write_images(out_dir, unwritten)
            duration_s, facts = round(reader.duration_s, 3), _file_facts(reader)
            warnings = recording_warnings(reader, config.spectrogram, is_silent=not found)
            is_silence = reader.peak_dbfs == -math.inf
            warnings += _manifest_warnings(duration_s, item.recording)
    except AudioError as error:
        return result_without_images(name, "failed", str(error))
    if duration_s < config.min_duration_s:
        reason = f"lasts {duration_s:.2f} s, at least {config.min_duration_s:g} s are needed"
        return result_without_images(name, "skipped", reason, duration_s, facts)
    if not found:
        reason = "silence" if is_silence else "; ".join(warnings)
        return result_without_images(name, "skipped", reason, duration_s, facts)
    rows = tuple(
        _index_row(item.recording, start_s, image, kind, duration_s, config)
        for start_s, image, kind in sorted(found)
    )
    reason = "; ".join(warnings)
    receipt = ReceiptRow(name, "ok", reason, duration_s, len(found), len(rows), *facts)
    return RecordingResult(receipt, rows)


def _manifest_warnings(duration_s: float, recording: Recording) -> list[str]:
    """Warn if the length differs from the manifest's: a wrong sample rate also shifts the pitch."""
    expected_s = recording.clip_duration_s
    if expected_s is None or abs(duration_s - expected_s) <= 0.1 + 0.02 * expected_s:
        return []
    return [
        f"lasts {duration_s:.1f} s, but the manifest says {expected_s:.1f} s: cut, or with a wrong "
        "sample rate in its header"
    ]


def _file_facts(reader: AudioReader) -> _FileFacts:
    """Facts about the file of a recording that was read to its end."""
    peak_dbfs = None if reader.peak_dbfs == -math.inf else round(reader.peak_dbfs, 3)
    clipped_share = round(reader.clipped_share, 3)
    declared_s = None if reader.info.declared_s is None else round(reader.info.declared_s, 3)
    header = reader.info.sample_rate_hz, reader.info.n_channels, peak_dbfs, clipped_share
    return *header, declared_s, round(reader.missing_s, 3), reader.channel


def max_duration_s(length_s: float, n_bytes: int) -> float:
    """Return the maximum plausible length, as the header may be wrong but the file size is not.

    Parameters
    ----------
    length_s : float
        Length in the header; 0 if unknown.
    n_bytes : int
        Size of the file.
    """
    bound_s = n_bytes / _MIN_BYTES_PER_S
    return min(length_s, bound_s) if length_s else bound_s


def _segments(
    reader: AudioReader, recording: Recording, config: PreprocessConfig, filters: FloatArray
) -> Iterator[tuple[Segment, str]]:
    blocks, spectrogram, step_s = reader.blocks(), config.spectrogram, config.step_s
    if recording.is_background:  # no segment has a bird
        walk = grid_segments(blocks, spectrogram, filters, step_s=spectrogram.segment_s)
        return ((segment, BACKGROUND) for segment in walk if not segment.silent)
    if config.grid:
        walk = grid_segments(blocks, spectrogram, filters, step_s=step_s)
        return ((segment, "bird") for segment in walk if not segment.silent)
    return find_segments(blocks, spectrogram, filters, config.songs, step_s=step_s)


def _encode_segment(
    recording: Recording, segment: Segment, config: PreprocessConfig
) -> tuple[str, bytes]:
    """Return the path of an image in the folder, and its PNG."""
    image = store.image_path(recording.name, recording.taxon or BACKGROUND, segment.start_s)
    return image, encode_png(segment.image, fingerprint=config.spectrogram.fingerprint())


def _write_images(out_dir: Path, images: Iterable[tuple[str, bytes]]) -> None:
    """Write several images at once, which is much faster than one by one between other work.

    They are not written atomically: images only count once their recording is in the journal.
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


def result_without_images(
    name: str, status: str, reason: str, duration_s: float = 0.0, facts: _FileFacts = _NO_FACTS
) -> RecordingResult:
    """Return the result of a recording that was skipped or that failed."""
    return RecordingResult(ReceiptRow(name, status, reason, duration_s, 0, 0, *facts), ())
