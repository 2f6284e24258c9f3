"""Recordings to a folder of images, in parallel: joblib over recordings, resume, the receipt.

Workers walk through recordings and write the images; the parent keeps a journal
with one line for each recording that is done. A run that was stopped goes on where it stood: what
is in the journal, unchanged, is not done again. At the end ``index.csv`` and ``receipt.csv`` are
written in the manifest's order, whatever order the work was done in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from birdsong.csv_tables import write_table
from birdsong.errors import DatasetError
from birdsong.folder_lock import folder_lock, report_write_errors
from birdsong.images import store, tables
from birdsong.images.tables import IndexRow, ReceiptRow
from birdsong.preprocessing.estimate import Estimate, estimate
from birdsong.preprocessing.existing_images import (
    ExistingImages,
    changed_settings,
    check_nothing_lost,
    read_existing,
    remove_images,
)
from birdsong.preprocessing.preprocess_recording import (
    PreprocessConfig,
    preprocess_recording,
    result_without_images,
)
from birdsong.preprocessing.recording_result import CODEC, RecordingResult
from birdsong.recordings.audio_folder import AudioFolders
from birdsong.recordings.recording import Recording
from birdsong.runs.jobs import SERIAL, JobsConfig, run_jobs
from birdsong.runs.journal import JOURNAL, Journal
from birdsong.runs.receipt import RECEIPT
from birdsong.runs.work_item import WorkItem
from birdsong.sound.mel_filters import mel_filters


def preprocess(
    recordings: Sequence[Recording],
    audio_dir: Path | Sequence[Path],
    out_dir: Path,
    *,
    config: PreprocessConfig | None = None,
    jobs: JobsConfig = SERIAL,
    replace: bool = False,
    on_start: Callable[[Estimate], None] | None = None,
    on_done: Callable[[ReceiptRow], None] | None = None,
) -> list[ReceiptRow]:
    """Turn the recordings of a manifest into a folder of images.

    Parameters
    ----------
    recordings : sequence of Recording
        From `manifest.read_manifest`.
    audio_dir : Path, or sequence of Path
        The folder that the recordings' files lie in; of several, the first that has a file counts.
    out_dir : Path
        Made if need be. Images of the same recordings in it are kept, and made anew where the
        file or the row of the manifest changed.
    config : PreprocessConfig, optional
    jobs : JobsConfig, optional
        Who does the work; the result is the same. A recording may take a tenth of its duration
        more than ``jobs.timeout_s``.
    replace : bool
        Whether images may be removed that are in the folder and will not be made again: those of
        recordings that the manifest does not name or that are not found, and those of another
        config.
    on_start : callable, optional
        Told how much there is to do, before it begins; not where an earlier run did it all.
    on_done : callable, optional
        Told each row of the receipt as it comes; rows that an earlier run had done come before
        `on_start` is called.

    Returns
    -------
    list of ReceiptRow
        One for each recording, in the manifest's order, as in ``receipt.csv``.

    Raises
    ------
    ManifestError
        If the audio folder does not exist.
    DatasetError
        If there is no recording, or the folder cannot be written, holds something else, or another
        run is writing into it.
    OverwriteError
        If images would be removed and `replace` does not say that they may; nothing was changed.
    """
    if not recordings:
        raise DatasetError("the manifest holds no recording: there is nothing to preprocess")
    config = config or PreprocessConfig()
    audio = AudioFolders([audio_dir] if isinstance(audio_dir, Path) else audio_dir)
    filters = mel_filters(config.spectrogram)
    settings = _settings(config)
    with folder_lock(out_dir):
        _check_folder(out_dir)
        work = {r.name: WorkItem.of(r, audio, settings) for r in recordings}
        existing = read_existing(out_dir)
        if not replace:
            check_nothing_lost(out_dir, existing, work, settings)
        with report_write_errors(out_dir):
            if changed_settings(existing.settings, settings):
                _clear(out_dir, {*existing.n_images, *work})
            store.write_settings(out_dir, settings, filters)
        with Journal(
            out_dir / JOURNAL, work, CODEC, lambda result: result.is_complete(out_dir)
        ) as journal:
            if len(journal) < len(work):  # until they are written anew, it counts as unfinished
                (out_dir / tables.INDEX).unlink(missing_ok=True)
                (out_dir / RECEIPT).unlink(missing_ok=True)
            if on_done:
                for result in journal.done():
                    on_done(result.receipt)
            todo = journal.todo()
            if on_start and todo:
                on_start(estimate(todo, config, out_dir))
            make_images = partial(
                preprocess_recording, out_dir=out_dir, config=config, filters=filters
            )
            for result in run_jobs(todo, make_images, jobs, on_broken=_failed_result):
                journal.add(result)
                if on_done:
                    on_done(result.receipt)
            with report_write_errors(out_dir):
                _finish(out_dir, recordings, journal, existing)
        return tables.read_receipt(out_dir)


def _failed_result(item: WorkItem, reason: str) -> RecordingResult:
    return result_without_images(item.name, "failed", f"{item.name}: {reason}")


def _settings(config: PreprocessConfig) -> dict[str, Any]:
    """The config as ``config.json`` and the journal hold it.

    The shape of images is left out where it is the default, as in folders of before it was a field.
    """
    settings = asdict(config)
    written = config.spectrogram.to_dict()
    for name in ("n_mels", "n_frames"):
        if name not in written:
            del settings["spectrogram"][name]
    return settings


def _check_folder(out_dir: Path) -> None:
    """Take an empty folder, or one of ours; images are removed in it, so never anyone else's."""
    with report_write_errors(out_dir):
        if any(out_dir.iterdir()) and not store.is_store(out_dir):
            raise DatasetError(
                f"{out_dir}: is not empty and holds no {store.CONFIG} of ours, so it is not a "
                "folder of preprocessed images; name a new one"
            )


def _clear(out_dir: Path, names: Iterable[str]) -> None:
    """Take away what was made with other settings, so that no image of theirs passes for new.

    The journal goes last: until then it tells a run that is started again what there is.
    """
    (out_dir / tables.INDEX).unlink(missing_ok=True)
    (out_dir / RECEIPT).unlink(missing_ok=True)
    remove_images(out_dir, names)
    (out_dir / JOURNAL).unlink(missing_ok=True)


def _finish(
    out_dir: Path,
    recordings: Sequence[Recording],
    journal: Journal[RecordingResult],
    existing: ExistingImages,
) -> None:
    """Write the tables, rewrite the journal in order, remove what is in no table."""
    names = [recording.name for recording in recordings]
    index = (row for result in journal.results(names) for row in result.index)
    receipt = (result.receipt for result in journal.results(names))
    images = {row.image for result in journal.results(names) for row in result.index}
    remove_images(out_dir, [*existing.n_images, *names], keep=images)
    journal.rewrite(names)
    tables.write_attribution(out_dir / tables.ATTRIBUTION, recordings)
    write_table(out_dir / tables.INDEX, IndexRow, index)
    write_table(out_dir / RECEIPT, ReceiptRow, receipt)
