"""Recordings to a folder of pictures, in parallel: joblib over recordings, resume, the receipt.

Workers walk through recordings and write the pictures; the parent keeps a journal
with one line for each recording that is done. A run that was stopped goes on where it stood: what
is in the journal, unchanged, is not done again. At the end ``index.csv`` and ``receipt.csv`` are
written in the manifest's order, whatever order the work was done in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import asdict
from pathlib import Path
from typing import Any

from birdsong.arrays import FloatArray
from birdsong.errors import ConfigError, DatasetError
from birdsong.images import store, tables
from birdsong.images.estimate import Estimate, estimate
from birdsong.images.journal import JOURNAL, Journal, WorkItem
from birdsong.images.recording_work import PreprocessConfig
from birdsong.images.tables import IndexRow, ReceiptRow
from birdsong.images.workers import Work, work_off
from birdsong.one_writer import one_writer
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
    on_start: Callable[[Estimate], None] | None = None,
    on_done: Callable[[ReceiptRow], None] | None = None,
) -> list[ReceiptRow]:
    """Turn the recordings of a manifest into a folder of pictures.

    Parameters
    ----------
    recordings : sequence of Recording
        From `manifest.read_manifest`.
    audio_dir : Path, or sequence of Path
        The folder that the recordings' files lie in; of several, the first that has a file counts.
    out_dir : Path
        Made if need be. Pictures of another config in it are replaced.
    config : PreprocessConfig, optional
    n_jobs : int
        Recordings worked on side by side; -1 for as many as there are cores.
    backend : {"loky", "threading", "dask"}
        joblib's: processes, threads, or the workers of the Dask client that is open. The result is
        the same.
    timeout_s : float
        Seconds that a recording may take, beside a tenth of its duration, before it has failed.
        Holds for processes: threads cannot be stopped.
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
        _prepare_folder(out_dir, settings, filters)
        work = {r.name: WorkItem.of(r, audio, settings) for r in recordings}
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
                _finish(out_dir, recordings, journal)
        return tables.read_receipt(out_dir)


def _prepare_folder(out_dir: Path, settings: Mapping[str, Any], filters: FloatArray) -> None:
    """Take an empty folder, or one of ours; pictures are removed in it, so never anyone else's."""
    with store.writing(out_dir):
        if any(out_dir.iterdir()) and not store.is_store(out_dir):
            raise DatasetError(
                f"{out_dir}: is not empty and holds no {store.CONFIG} of ours, so it is not a "
                "folder of preprocessed images; name a new one"
            )
        store.write_settings(out_dir, settings, filters)


def _finish(out_dir: Path, recordings: Sequence[Recording], journal: Journal) -> None:
    """Write the tables, rewrite the journal in order, remove what is in no table."""
    names = [recording.name for recording in recordings]
    index = (row for result in journal.results(names) for row in result.index)
    receipt = (result.receipt for result in journal.results(names))
    _remove_all_but(out_dir, {row.image for r in journal.results(names) for row in r.index})
    journal.rewrite(names)
    tables.write_attribution(out_dir / tables.ATTRIBUTION, recordings)
    tables.write_table(out_dir / tables.INDEX, IndexRow, index)
    tables.write_table(out_dir / tables.RECEIPT, ReceiptRow, receipt)


def _remove_all_but(out_dir: Path, wanted: Set[str]) -> None:
    for pattern in ("*/*.png", "*/.*.png.*.part"):
        for path in out_dir.glob(pattern):
            if path.relative_to(out_dir).as_posix() not in wanted:
                path.unlink()
                if not any(path.parent.iterdir()):
                    path.parent.rmdir()
