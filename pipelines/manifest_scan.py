"""Parts of ``birdsong manifest`` for local files: scan a folder, make recordings of noise."""

from __future__ import annotations

import argparse
import sys


def scan(arguments: argparse.Namespace) -> int:
    """List the recordings of a folder, and write a manifest of them."""
    from birdsong.overwrite import check_same_content
    from birdsong.recordings.manifest import manifest_text, write_manifest
    from birdsong.recordings.manifest_builder import scan_folder
    from birdsong.recordings.manifest_rows import quoted

    from .command import EXIT_NOTHING_DONE, EXIT_OK, EXIT_SOME_FAILED
    from .manifest_build import print_written
    from .skipped_files import print_skipped_files
    from .taxonomy_option import apply_taxonomy_options
    from .truncate import truncate

    scanned = scan_folder(arguments.audio, arguments.table)
    unnamed = [
        f"no species: {name}: expected a folder such as Turdus_merula above it, or a row in --table"
        for name in scanned.unidentified
    ]
    invalid = [
        f"left out: {quoted(name)}: its path {fault}" for name, fault in scanned.invalid_paths
    ]
    for line in (*truncate(unnamed), *truncate(invalid)):
        print(line, file=sys.stderr)
    print_skipped_files(arguments.audio, scanned.skipped)
    if not scanned.recordings:
        print(f"{arguments.audio}: holds no recording of a named bird", file=sys.stderr)
        return EXIT_NOTHING_DONE
    recordings = apply_taxonomy_options(scanned.recordings, arguments)
    check_same_content(arguments.out, manifest_text(recordings).encode(), replace=arguments.replace)
    write_manifest(arguments.out, recordings)
    print_written(arguments.out, recordings)
    print(
        f"next: birdsong preprocess --manifest {arguments.out} --audio {arguments.audio} "
        "--out images"
    )
    return EXIT_SOME_FAILED if scanned.unidentified or scanned.invalid_paths else EXIT_OK


def noises(arguments: argparse.Namespace) -> int:
    """Make recordings without a bird, and write a manifest of them."""
    from birdsong.overwrite import check_same_content, staged_files
    from birdsong.recordings.manifest import manifest_text, write_manifest
    from birdsong.synthetic.backgrounds import NOISES
    from birdsong.synthetic.files import write_noises

    from .command import EXIT_OK
    from .validators import check_minimum

    check_minimum("--recordings", arguments.recordings)
    check_minimum("--seed", arguments.seed, 0)
    replace = arguments.replace
    with staged_files(arguments.audio, replace=replace, option="--audio") as folder:
        recordings = write_noises(folder, n=arguments.recordings, seed=arguments.seed, kinds=NOISES)
        check_same_content(arguments.out, manifest_text(recordings).encode(), replace=replace)
    write_manifest(arguments.out, recordings)
    print(f"{arguments.out}: {len(recordings)} recordings without a bird: {', '.join(NOISES)}")
    print(
        f"next: birdsong preprocess --manifest MANIFEST {arguments.out} "
        f"--audio AUDIO {arguments.audio} --out images"
    )
    return EXIT_OK
