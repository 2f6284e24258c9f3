"""A piece of work that knows nothing of images: count the bytes of a recording's file."""

import os
import signal
import time
from dataclasses import asdict, dataclass

from birdsong.recordings.audio_folder import AudioFolders
from birdsong.recordings.recording import Recording
from birdsong.runs.journal import Codec
from birdsong.runs.receipt import Outcome
from birdsong.runs.work_item import WorkItem

SETTINGS = {"unit": "byte"}


@dataclass(frozen=True, slots=True)
class Counted(Outcome):
    """A row of the receipt."""

    n_bytes: int


CODEC = Codec(
    name_of=lambda row: row.recording,
    to_dict=asdict,
    from_dict=lambda entry: Counted(**{k: v for k, v in entry.items() if k != "stamp"}),
)


def count_bytes(item, extend):
    """Count; some names are traps: what a decoder does with a file that was made to harm it."""
    trap = item.name.partition(".")[0]
    if trap == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if trap == "greedy":  # as the system does where memory runs out
        os.kill(os.getpid(), signal.SIGKILL)
    if trap == "sleep":
        time.sleep(60)
    if trap == "long":
        extend(60.0)
        time.sleep(1.5)
    if item.path is None:
        return failed(item, item.problem)
    return Counted(item.name, "ok", "", 0.0, len(item.path.read_bytes()))


def failed(item, reason):
    return Counted(item.name, "failed", f"{item.name}: {reason}", 0.0, 0)


def is_valid(row):
    return row.status != "failed"


def items_of(folder, names, settings=SETTINGS):
    """The work by name, with a file of as many bytes as its name has letters."""
    folder.mkdir(exist_ok=True)
    for name in names:
        if not (folder / name).exists():
            (folder / name).write_bytes(bytes(len(name)))
    audio = AudioFolders([folder])
    return {name: WorkItem.of(Recording(file=name), audio, settings) for name in names}
