"""Recordings to a folder of images, in parallel: joblib over recordings, resume, the receipt.

Workers walk through recordings and write the images; the parent keeps a journal
with one line for each recording that is done. A run that was stopped goes on where it stood: what
is in the journal, unchanged, is not done again. At the end ``index.csv`` and ``receipt.csv`` are
written in the manifest's order, whatever order the work was done in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from birdsong.errors import ConfigError, DatasetError
from birdsong.images import store, tables
from birdsong.images.tables import IndexRow, ReceiptRow
from birdsong.one_writer import one_writer
from birdsong.preprocessing.estimate import Estimate, estimate
from birdsong.preprocessing.existing import (
    Existing,
    differing_settings,
    read_existing,
    remove_images,
    require_kept,
)
from birdsong.preprocessing.journal import JOURNAL, Journal, WorkItem
from birdsong.preprocessing.recording_work import PreprocessConfig
from birdsong.preprocessing.workers import Work, work_off
from birdsong.recordings.audio_folder import AudioFolders
from birdsong.recordings.recording import Recording
from birdsong.sound.filters import mel_filters


def preprocess(
    recordings: Sequence[Recording],
    audio_dir: Path | Sequence[Path],
    out_dir: Path,
    *,
    config: PreprocessConfig | None = None,
    n_jobs: int = 1,
    backend: str = "loky",
    timeout_s: float = 60.0,
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
    n_jobs : int
        Recordings worked on side by side; -1 for as many as there are cores.
    backend : {"loky", "threading", "dask"}
        joblib's: processes, threads, or the workers of the Dask client that is open. The result is
        the same.
    timeout_s : float
        Seconds that a recording may take, beside a tenth of its duration, before it has failed.
        Holds for processes: threads cannot be stopped.
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
    ConfigError
        If `n_jobs` is 0, or `timeout_s` is not above 0.
    """
    if not recordings:
        raise DatasetError("the manifest holds no recording: there is nothing to preprocess")
    if n_jobs == 0:
        raise ConfigError("n_jobs must be at least 1, or -1 for all cores, got 0")
    if not timeout_s > 0:
        raise ConfigError(f"timeout_s must be greater than 0, got {timeout_s!r}")
    config = config or PreprocessConfig()
    audio = AudioFolders([audio_dir] if isinstance(audio_dir, Path) else audio_dir)
    filters = mel_filters(config.spectrogram)
    settings = asdict(config)
    with one_writer(out_dir):
        _require_ours(out_dir)
        work = {r.name: WorkItem.of(r, audio, settings) for r in recordings}
        existing = read_existing(out_dir)
        if not replace:
            require_kept(out_dir, existing, work, settings)
        with store.writing(out_dir):
            if differing_settings(existing.settings, settings):
                _clear(out_dir, {*existing.n_images, *work})
            store.write_settings(out_dir, settings, filters)
        with Journal(out_dir / JOURNAL, work) as journal:
            if len(journal) < len(work):  # until they are written anew, it counts as unfinished
                (out_dir / tables.INDEX).unlink(missing_ok=True)
                (out_dir / tables.RECEIPT).unlink(missing_ok=True)
            if on_done:
                for result in journal.results(name for name in work if name in journal):
                    on_done(result.receipt)
            todo = [item for name, item in work.items() if name not in journal]
            if on_start and todo:
                on_start(estimate(todo, config, out_dir))
            steps = Work(out_dir, config, filters, timeout_s)
            for result in work_off(todo, steps, n_jobs=n_jobs, backend=backend):
                journal.add(result)
                if on_done:
                    on_done(result.receipt)
            with store.writing(out_dir):
                _finish(out_dir, recordings, journal, existing)
        return tables.read_receipt(out_dir)


def _require_ours(out_dir: Path) -> None:
    """Take an empty folder, or one of ours; images are removed in it, so never anyone else's."""
    with store.writing(out_dir):
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
    (out_dir / tables.RECEIPT).unlink(missing_ok=True)
    remove_images(out_dir, names)
    (out_dir / JOURNAL).unlink(missing_ok=True)


def _finish(
    out_dir: Path, recordings: Sequence[Recording], journal: Journal, existing: Existing
) -> None:
    """Write the tables, rewrite the journal in order, remove what is in no table."""
    names = [recording.name for recording in recordings]
    index = (row for result in journal.results(names) for row in result.index)
    receipt = (result.receipt for result in journal.results(names))
    images = {row.image for result in journal.results(names) for row in result.index}
    remove_images(out_dir, [*existing.n_images, *names], but=images)
    journal.rewrite(names)
    tables.write_attribution(out_dir / tables.ATTRIBUTION, recordings)
    tables.write_table(out_dir / tables.INDEX, IndexRow, index)
    tables.write_table(out_dir / tables.RECEIPT, ReceiptRow, receipt)
