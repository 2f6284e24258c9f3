"""Recordings to a folder of pictures, in parallel: joblib over recordings, resume, the receipt.

A worker walks through one recording at a time and writes its pictures; the parent keeps a journal
with one line for each recording that is done. A run that was stopped goes on where it stood: what
is in the journal, unchanged, is not done again. At the end ``index.csv`` and ``receipt.csv`` are
written in the manifest's order, whatever order the work was done in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from birdsong.arrays import FloatArray
from birdsong.atomic import write_atomically
from birdsong.errors import AudioError, ConfigError, DatasetError
from birdsong.images import store
from birdsong.images.journal import JOURNAL, RecordingResult, WorkItem, journal_line, read_journal
from birdsong.images.png import encode_png
from birdsong.images.store import IndexRow, ReceiptRow
from birdsong.recordings.audio_folder import AudioFolder
from birdsong.recordings.manifest import Recording
from birdsong.sound.audio import AudioReader
from birdsong.sound.filters import mel_filters
from birdsong.sound.segments import (
    MIN_DURATION_S,
    Segment,
    recording_warnings,
    step_frames,
    walk_segments,
)
from birdsong.sound.spectrogram import SpectrogramConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprocessConfig:
    """Which segments of a recording become pictures.

    Attributes
    ----------
    spectrogram : SpectrogramConfig
        How a segment becomes a picture.
    step_s : float
        Seconds from the start of one segment to the next.
    bird_db : float
        Segments with at least this activity hold a bird. Where none of a recording's segments
        does, the most active one is kept.
    background_db : float
        Segments with at most this activity are kept as background, to learn from.
    max_background : int
        How many of those are kept of one recording, spread over its length.
    min_duration_s : float
        Shorter recordings are skipped.
    """

    spectrogram: SpectrogramConfig = field(default_factory=SpectrogramConfig)
    step_s: float = 1.5
    bird_db: float = 10.0
    background_db: float = 8.0
    max_background: int = 4
    min_duration_s: float = MIN_DURATION_S

    def __post_init__(self) -> None:
        step_frames(self.spectrogram, self.step_s)
        if self.background_db > self.bird_db:
            raise ConfigError(
                f"background_db must not be above bird_db, {self.bird_db:g}, got "
                f"{self.background_db:g}"
            )
        if self.max_background < 0:
            raise ConfigError(f"max_background must be at least 0, got {self.max_background}")
        if self.min_duration_s < self.spectrogram.n_fft / self.spectrogram.sample_rate_hz:
            raise ConfigError(
                f"min_duration_s must hold at least one frame, got {self.min_duration_s:g}"
            )


def preprocess(
    recordings: Sequence[Recording],
    audio_dir: Path,
    out_dir: Path,
    *,
    config: PreprocessConfig | None = None,
    n_jobs: int = 1,
    backend: str = "loky",
    on_done: Callable[[ReceiptRow], None] | None = None,
) -> list[ReceiptRow]:
    """Turn the recordings of a manifest into a folder of pictures.

    Parameters
    ----------
    recordings : sequence of Recording
        From `manifest.read_manifest`.
    audio_dir : Path
        The folder that the recordings' files lie in.
    out_dir : Path
        Made if need be. Pictures of another config in it are replaced.
    config : PreprocessConfig, optional
    n_jobs : int
        Recordings worked on side by side; -1 for as many as there are cores.
    backend : {"loky", "threading"}
        joblib's: processes or threads. The result is the same.
    on_done : callable, optional
        Told each row of the receipt as it comes; rows that an earlier run had done come first.

    Returns
    -------
    list of ReceiptRow
        One for each recording, in the manifest's order, as in ``receipt.csv``.

    Raises
    ------
    ManifestError
        If the audio folder does not exist.
    DatasetError
        If there is no recording, or the folder cannot be written or holds something else.
    ConfigError
        If `n_jobs` is 0.
    """
    from joblib import Parallel, delayed

    if not recordings:
        raise DatasetError("the manifest holds no recording: there is nothing to preprocess")
    if n_jobs == 0:
        raise ConfigError("n_jobs must be at least 1, or -1 for all cores, got 0")
    config = config or PreprocessConfig()
    audio = AudioFolder(audio_dir)
    filters = mel_filters(config.spectrogram)
    settings = asdict(config)
    _prepare_folder(out_dir, settings, filters)
    work = {r.name: WorkItem.of(r, audio, settings) for r in recordings}
    done = read_journal(out_dir / JOURNAL, work)
    if len(done) < len(work):  # until they are written anew, the folder counts as unfinished
        (out_dir / store.INDEX).unlink(missing_ok=True)
        (out_dir / store.RECEIPT).unlink(missing_ok=True)
    for result in done.values():
        if on_done:
            on_done(result.receipt)
    tasks = (
        delayed(_preprocess_recording)(item, out_dir, config, filters)
        for name, item in work.items()
        if name not in done
    )
    parallel = Parallel(n_jobs=n_jobs, backend=backend, return_as="generator_unordered")
    with (out_dir / JOURNAL).open("a", encoding="utf-8") as journal:
        for result in parallel(tasks):
            done[result.receipt.recording] = result
            journal.write(journal_line(work[result.receipt.recording], result))
            journal.flush()
            if on_done:
                on_done(result.receipt)
    return _finish(out_dir, [done[r.name] for r in recordings], work)


def _prepare_folder(out_dir: Path, settings: Mapping[str, Any], filters: FloatArray) -> None:
    """Make the folder, or take one of ours; pictures are removed in it, so never anyone else's."""
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        if any(out_dir.iterdir()) and not store.is_store(out_dir):
            raise DatasetError(
                f"{out_dir}: is not empty and holds no {store.CONFIG} of ours, so it is not a "
                "folder of preprocessed images; name a new one"
            )
        store.write_settings(out_dir, settings, filters)
    except OSError as error:
        raise DatasetError(f"{out_dir}: cannot be written ({error})") from error


def _preprocess_recording(
    item: WorkItem, out_dir: Path, config: PreprocessConfig, filters: FloatArray
) -> RecordingResult:
    """Make one recording's pictures. A bad file is a row of the receipt, never an exception."""
    name = item.recording.name
    if item.path is None:
        return _no_pictures(name, "failed", item.problem)
    try:
        with AudioReader(item.path, config.spectrogram.sample_rate_hz) as reader:
            walk = walk_segments(reader.blocks(), config.spectrogram, filters, step_s=config.step_s)
            n_segments, kept = _choose(walk, config)
            duration_s = reader.duration_s
            warnings = recording_warnings(reader, config.spectrogram)
    except AudioError as error:
        return _no_pictures(name, "failed", str(error))
    if duration_s < config.min_duration_s:
        reason = f"lasts {duration_s:.2f} s, at least {config.min_duration_s:g} s are needed"
        return _no_pictures(name, "skipped", reason, duration_s)
    if not kept:
        return _no_pictures(name, "skipped", "silence", duration_s, n_segments)
    rows = tuple(
        _write_picture(item.recording, segment, kind, duration_s, out_dir, config)
        for segment, kind in kept
    )
    receipt = ReceiptRow(name, "ok", "; ".join(warnings), duration_s, n_segments, len(rows))
    return RecordingResult(receipt, rows)


def _choose(
    walk: Iterator[Segment], config: PreprocessConfig
) -> tuple[int, list[tuple[Segment, str]]]:
    """Keep the segments that hold a bird and some that hold none; tell how many there were."""
    n_segments = 0
    birds: list[Segment] = []
    backgrounds: list[Segment] = []
    n_backgrounds = 0
    every = 1  # of the background segments, so that few are held and those are spread out
    most_active: Segment | None = None
    for segment in walk:
        n_segments += 1
        if segment.silent:
            continue
        if most_active is None or segment.activity_db > most_active.activity_db:
            most_active = segment
        if segment.activity_db >= config.bird_db:
            birds.append(segment)
        elif segment.activity_db <= config.background_db:
            if n_backgrounds % every == 0:
                backgrounds.append(segment)
            n_backgrounds += 1
            if len(backgrounds) > 2 * config.max_background:
                backgrounds = backgrounds[::2]
                every *= 2
    if most_active is not None and not birds:
        birds = [most_active]
    backgrounds = [s for s in backgrounds if s is not most_active]
    n_kept = min(config.max_background, len(backgrounds))
    backgrounds = [backgrounds[i * len(backgrounds) // n_kept] for i in range(n_kept)]
    kept = [(s, "bird") for s in birds] + [(s, "background") for s in backgrounds]
    return n_segments, sorted(kept, key=lambda pair: pair[0].start_s)


def _write_picture(
    recording: Recording,
    segment: Segment,
    kind: str,
    duration_s: float,
    out_dir: Path,
    config: PreprocessConfig,
) -> IndexRow:
    taxon = recording.scientific_name or recording.genus
    image = store.picture_path(recording.name, taxon, segment.start_s)
    path = out_dir / image
    path.parent.mkdir(exist_ok=True)
    fingerprint = config.spectrogram.fingerprint()
    write_atomically(path, encode_png(segment.picture, fingerprint=fingerprint))
    return IndexRow(
        image=image,
        recording=recording.name,
        session=recording.session,
        start_s=segment.start_s,
        end_s=min(segment.start_s + config.spectrogram.segment_s, duration_s),
        order=recording.order,
        family=recording.family,
        genus=recording.genus,
        species=recording.species,
        kind=kind,
        english_name=recording.english_name,
    )


def _no_pictures(
    name: str, status: str, reason: str, duration_s: float = 0.0, n_segments: int = 0
) -> RecordingResult:
    return RecordingResult(ReceiptRow(name, status, reason, duration_s, n_segments, 0), ())


def _finish(
    out_dir: Path, results: Sequence[RecordingResult], work: Mapping[str, WorkItem]
) -> list[ReceiptRow]:
    """Write the tables, rewrite the journal in order, remove what is in no table."""
    index = [row for result in results for row in result.index]
    wanted = {row.image for row in index}
    for path in [*out_dir.glob("*/*.png"), *out_dir.glob("*/.*.png.*.part")]:
        if path.relative_to(out_dir).as_posix() not in wanted:
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
    lines = [journal_line(work[r.receipt.recording], r) for r in results]
    write_atomically(out_dir / JOURNAL, "".join(lines).encode())
    receipt = [result.receipt for result in results]
    store.write_table(out_dir / store.INDEX, IndexRow, index)
    store.write_table(out_dir / store.RECEIPT, ReceiptRow, receipt)
    return receipt
