"""Feed a reader what it never expected, for some minutes.

    python -m fuzz.run png --minutes 10

Bytes are changed so as to reach code that was not reached before, by libFuzzer through atheris
(``pip install atheris``), which watches the Python code of birdsong. It ends at a fault: an error
that is none of birdsong's own, a crash, more than ten seconds for one input, more than 2 GB. What
did it lies in ``crash-*`` then, and ``python -m fuzz.run png crash-…`` does it again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

LONGEST_S = 10
MOST_MB = 2048
LARGEST_BYTES = 200_000


def main() -> None:
    """Fuzz the reader that was asked for; libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["birdsong"]):
        from fuzz import readers

    parser = argparse.ArgumentParser(prog="python -m fuzz.run", description=__doc__)
    parser.add_argument("reader", choices=readers.READERS)
    parser.add_argument("again", nargs="*", type=Path, help="files to be given to it once")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if asked.again:
        for path in asked.again:
            took = readers.ask(asked.reader, path.read_bytes())
            print(f"{path}: {'taken' if took else 'refused'}")
        return
    corpus = Path(tempfile.mkdtemp(prefix=f"birdsong-{asked.reader}-"))
    for number, seed in enumerate(readers.seeds(asked.reader)):
        (corpus / f"seed-{number}").write_bytes(seed)
        if len(seed) > LARGEST_BYTES:
            raise SystemExit(f"seed {number} is larger than {LARGEST_BYTES} bytes")
        if not readers.ask(asked.reader, seed):
            print(f"seed {number} is refused", file=sys.stderr)
    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            f"-max_total_time={round(60 * asked.minutes)}",
            f"-timeout={LONGEST_S}",
            f"-rss_limit_mb={MOST_MB}",
            f"-max_len={LARGEST_BYTES}",
            f"-seed={asked.seed}",
            "-print_final_stats=1",
        ],
        lambda content: readers.ask(asked.reader, content) and None,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
