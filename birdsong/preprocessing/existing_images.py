"""Images of earlier runs in a folder, and whether a new run would lose any of them.

Images can take days to make, and their recordings may no longer be at hand. So a run that would
remove images that it does not make again, or make them with other settings, stops before it changes
anything; see `check_nothing_lost`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from birdsong.errors import DatasetError, OverwriteError
from birdsong.images import store, tables
from birdsong.overwrite import REPLACE
from birdsong.runs.journal import JOURNAL
from birdsong.runs.work_item import WorkItem
from birdsong.sound.spectrogram import LATER_FIELDS

_MAX_SETTINGS = 3


@dataclass(frozen=True, slots=True)
class ExistingImages:
    """The images in a folder before a run.

    Attributes
    ----------
    n_images : Mapping of str to int
        Number of images of each recording that an earlier run finished.
    settings : Mapping
        Their settings: the content of ``config.json``; empty for a new folder.
    """

    n_images: Mapping[str, int]
    settings: Mapping[str, Any]


def read_existing(folder: Path) -> ExistingImages:
    """Read which images a folder holds; what cannot be read is ignored.

    The journal also covers unfinished runs; without it, the index is used.
    """
    images: dict[str, int] = {}
    if (folder / JOURNAL).exists():
        for recording, names in _read_journal(folder / JOURNAL):
            images[recording] = sum((folder / name).exists() for name in names)
    elif (folder / tables.INDEX).exists():
        with suppress(DatasetError):
            for row in tables.read_index(folder):
                is_there = (folder / row.image).exists()
                images[row.recording] = images.get(row.recording, 0) + is_there
    settings: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        settings = json.loads((folder / store.CONFIG).read_text(encoding="utf-8"))
    return ExistingImages(images, settings)


def check_nothing_lost(
    folder: Path,
    existing: ExistingImages,
    work: Mapping[str, WorkItem],
    settings: Mapping[str, Any],
) -> None:
    """Check that a run keeps all images in a folder, or makes them again with the same settings.

    Parameters
    ----------
    folder : Path
    existing : Existing
    work : Mapping of str to WorkItem
        The recordings of the run by name.
    settings : Mapping
        Settings of the run.

    Raises
    ------
    OverwriteError
        If the folder holds images of recordings that are not in the run or whose files are not
        found, or images with other settings. The message says how many, and what to do.
    """
    unnamed = _count_images(existing, (name for name in existing.n_images if name not in work))
    not_found = [name for name in existing.n_images if name in work and work[name].path is None]
    missing = _count_images(existing, not_found)
    problems, fixes = [], []
    if unnamed:
        problems.append(f"{unnamed} that the manifest does not name")
        fixes.append("name both manifests (--manifest A B)")
    if missing:
        problems.append(f"{missing} whose files are not found in the audio folder")
        fixes.append("name their folder, too (--audio A B)")
    others = changed_settings(existing.settings, settings)
    if others and (same := _count_images(existing, existing.n_images)):
        made = "; ".join(others[:_MAX_SETTINGS])
        problems.append(f"{same} that were made with other settings ({made})")
        fixes.append("give the settings that they were made with")
    if problems:
        raise OverwriteError(
            f"{folder}: holds {', and '.join(problems)}; nothing was changed: "
            f"{', '.join(fixes)}, name another --out, or add {REPLACE} to lose these images"
        )


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """List the settings that differ, as in ``step_s 1, not 2``.

    Settings that `before` lacks are of a later version and are ignored.
    """
    old, new = _flatten(before), _flatten(json.loads(json.dumps(now)))
    return [
        f"{name} {_format_value(old[name])}, not {_format_value(new[name])}"
        for name in new
        if name in old and old[name] != new[name]
    ]


def remove_images(folder: Path, recordings: Iterable[str], *, keep: Set[str] = frozenset()) -> None:
    """Remove the images of some recordings, finished or not, and folders that become empty.

    Files with other names are kept.

    Parameters
    ----------
    folder : Path
    recordings : iterable of str
        Names of recordings.
    keep : set of str
        Images to keep, relative to the folder.
    """
    stems = {store.image_stem(name) for name in recordings}
    for pattern in ("*/*.png", "*/.*.png.*.part"):
        for path in folder.glob(pattern):
            if path.relative_to(folder).as_posix() in keep:
                continue
            if store.recording_stem(path.name) in stems:
                path.unlink()
                if not any(path.parent.iterdir()):
                    path.parent.rmdir()


def _read_journal(path: Path) -> Iterator[tuple[str, list[str]]]:
    with path.open("rb") as file:
        for line in file:
            with suppress(ValueError, KeyError, TypeError):  # half a line
                entry = json.loads(line)
                yield entry["receipt"]["recording"], [row["image"] for row in entry["index"]]


def _count_images(existing: ExistingImages, names: Iterable[str]) -> str:
    """Format the number of images and of their recordings; empty if there are none."""
    counts = [n for name in names if (n := existing.n_images[name])]
    if not counts:
        return ""
    images = "1 image" if sum(counts) == 1 else f"{sum(counts)} images"
    return f"{images} of {'1 recording' if len(counts) == 1 else f'{len(counts)} recordings'}"


def _flatten(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten nested settings to one name each, as in ``spectrogram.n_mels``."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            flat[name] = value
    if "spectrogram.hop_length" in flat:  # the shape of images is left out where it is the default
        shape = {name: LATER_FIELDS[name] for name in ("n_mels", "n_frames")}
        flat = {f"spectrogram.{name}": value for name, value in shape.items()} | flat
    hop_length, rate = (flat.get(f"spectrogram.{n}") for n in ("hop_length", "sample_rate_hz"))
    if isinstance(hop_length, int) and isinstance(rate, int) and rate > 0:
        segment_s = hop_length * flat["spectrogram.n_frames"] / rate
        flat = {"segment_s": round(segment_s, 6)} | flat
        del flat["spectrogram.hop_length"]
    return flat


def _format_value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
