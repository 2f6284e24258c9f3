"""``birdsong card``: the model card of a bundle, written from what the bundle holds."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from .replacing import add_replace_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name what the stage needs to know."""
    parser.add_argument("bundle", type=Path, help="as in RUN/bundle")
    parser.add_argument(
        "--manifest",
        type=Path,
        default=None,
        help="table that it was trained from: tells whose recordings it learned from",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=None,
        metavar="FILE",
        help="MODEL_CARD.md beside the model by default",
    )
    add_replace_argument(parser, "overwrite a card that says something else, or any other file")


def run(arguments: argparse.Namespace) -> int:
    """Read the bundle and the manifest, and write the card."""
    from birdsong.atomic import write_atomically
    from birdsong.bundle.bundle import MODEL_CARD, read_bundle
    from birdsong.errors import BundleError
    from birdsong.learning.reporting.attribution import Credit, learned_from
    from birdsong.learning.reporting.model_card import model_card
    from birdsong.overwrite import check_same_content
    from birdsong.recordings.manifest import read_manifest

    from .command import ALL_WELL

    bundle = read_bundle(arguments.bundle)
    words = ["birdsong", "card", str(arguments.bundle)]
    credits: tuple[Credit, ...] = ()
    if arguments.manifest is not None:
        words += ["--manifest", str(arguments.manifest)]
        every = [
            Credit(
                recording=recording.name,
                title=recording.xc_id or recording.name,
                session=recording.session,
                recordist=recording.recordist,
                licence=recording.licence,
                url=recording.url,
            )
            for recording in read_manifest(arguments.manifest)
        ]
        credits = learned_from(every, bundle.sessions, str(arguments.manifest))
    if arguments.out is not None:
        words += ["--out", str(arguments.out)]
    out = arguments.out or arguments.bundle / MODEL_CARD
    card = model_card(bundle, credits, command=shlex.join(words))
    check_same_content(out, card.encode(), replace=arguments.replace)
    try:
        write_atomically(out, card.encode())
    except OSError as error:
        raise BundleError(
            f"{out}: the card cannot be written ({error.strerror}); name another file with --out"
        ) from error
    print(f"card: {out}")
    return ALL_WELL


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["card", *sys.argv[1:]]))
