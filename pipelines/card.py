"""``birdsong card``: write the model card of a bundle."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from .replace_option import add_replace_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the stage."""
    parser.add_argument("bundle", type=Path, help="model, as in RUN/bundle")
    parser.add_argument(
        "--manifest",
        type=Path,
        default=None,
        help="manifest of the training recordings, to credit their recordists",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=None,
        metavar="FILE",
        help="the card to write; MODEL_CARD.md in the bundle by default",
    )
    add_replace_argument(parser, "overwrite a file with other content")


def run(arguments: argparse.Namespace) -> int:
    """Read the bundle and the manifest, and write the card."""
    from birdsong.atomic import write_atomically
    from birdsong.bundle.bundle_files import MODEL_CARD, read_bundle
    from birdsong.errors import BundleError
    from birdsong.learning.reporting.attribution import Credit, learned_from
    from birdsong.learning.reporting.model_card import model_card
    from birdsong.overwrite import check_same_content
    from birdsong.recordings.manifest import read_manifest

    from .command import EXIT_OK

    bundle = read_bundle(arguments.bundle)
    command = ["birdsong", "card", str(arguments.bundle)]
    credits: tuple[Credit, ...] = ()
    if arguments.manifest is not None:
        command += ["--manifest", str(arguments.manifest)]
        candidates = [
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
        credits = learned_from(candidates, bundle.sessions, str(arguments.manifest))
    if arguments.out is not None:
        command += ["--out", str(arguments.out)]
    out = arguments.out or arguments.bundle / MODEL_CARD
    card = model_card(bundle, credits, command=shlex.join(command))
    check_same_content(out, card.encode(), replace=arguments.replace)
    try:
        write_atomically(out, card.encode())
    except OSError as error:
        raise BundleError(
            f"{out}: the card cannot be written ({error.strerror}); name another file with --out"
        ) from error
    print(f"card: {out}")
    return EXIT_OK


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["card", *sys.argv[1:]]))
