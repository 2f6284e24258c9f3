"""Fuzz a reader for some minutes.

    python -m fuzz.run png --minutes 10

libFuzzer, by atheris (``pip install atheris``), mutates the inputs to reach new code of birdsong.
It ends at a fault: an exception that is not one of birdsong's own, a crash, more than ten seconds
for one input, or more than 2 GB. The input is then in ``crash-*``, and ``python -m fuzz.run png
crash-…`` runs it again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

MAX_SECONDS = 10
MAX_MB = 2048
MAX_BYTES = 200_000


def main() -> None:
    """Fuzz one reader; libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["birdsong"]):
        from fuzz import readers

    parser = argparse.ArgumentParser(prog="python -m fuzz.run", description=__doc__)
    parser.add_argument("reader", choices=readers.READERS)
    parser.add_argument("existing", nargs="*", type=Path, help="files to run once")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.existing:
        for path in arguments.existing:
            accepted = readers.run_reader(arguments.reader, path.read_bytes())
            print(f"{path}: {'accepted' if accepted else 'refused'}")
        return
    corpus = Path(tempfile.mkdtemp(prefix=f"birdsong-{arguments.reader}-"))
    for number, seed in enumerate(readers.seeds(arguments.reader)):
        (corpus / f"seed-{number}").write_bytes(seed)
        if len(seed) > MAX_BYTES:
            raise SystemExit(f"seed {number} is larger than {MAX_BYTES} bytes")
        if not readers.run_reader(arguments.reader, seed):
            print(f"seed {number} is refused", file=sys.stderr)
    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            f"-max_total_time={round(60 * arguments.minutes)}",
            f"-timeout={MAX_SECONDS}",
            f"-rss_limit_mb={MAX_MB}",
            f"-max_len={MAX_BYTES}",
            f"-seed={arguments.seed}",
            "-print_final_stats=1",
        ],
        lambda content: readers.run_reader(arguments.reader, content) and None,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
