"""``birdsong manifest check``: find and print what may be wrong with a manifest."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import TYPE_CHECKING

from .truncate import truncate

if TYPE_CHECKING:
    from birdsong.images.duplicates import DuplicateReport
    from birdsong.recordings.manifest_checks import ManifestReport


def check(arguments: argparse.Namespace) -> int:
    """Check a manifest, and its recordings if their folder is given; print what was found."""
    from birdsong.images.duplicates import find_duplicates
    from birdsong.images.tables import write_attribution
    from birdsong.overwrite import staged_files
    from birdsong.recordings.audio_folder import AudioFolder
    from birdsong.recordings.manifest import read_manifest
    from birdsong.recordings.manifest_checks import check_manifest

    from .command import EXIT_OK, EXIT_SOME_FAILED
    from .progress import Progress
    from .validators import check_jobs

    attribution = arguments.attribution
    check_jobs(arguments.jobs, all_cores=True)
    recordings = read_manifest(arguments.manifest)
    checked = check_manifest(recordings)
    print(f"{arguments.manifest}: {len(recordings)} recordings of {checked.n_taxa} taxa")
    for line in manifest_lines(checked):
        print(line)
    if attribution is not None:
        with staged_files(
            attribution.parent, replace=arguments.replace, option="--attribution"
        ) as folder:
            write_attribution(folder / attribution.name, recordings)
        print(f"attribution: {attribution}")
    is_clean = not checked.leaks
    if arguments.audio is None:
        print("duplicates: not checked; name the folder of the recordings with --audio")
    else:
        with Progress("find duplicates", len(recordings), "recordings") as progress:
            duplicates = find_duplicates(
                recordings,
                AudioFolder(arguments.audio),
                n_jobs=-1 if arguments.jobs is None else arguments.jobs,
                on_done=progress.advance,
            )
        for line in duplicate_lines(duplicates):
            print(line)
        is_clean = is_clean and not duplicates.pairs and not duplicates.unreadable
    return EXIT_OK if is_clean else EXIT_SOME_FAILED


def manifest_lines(checked: ManifestReport) -> list[str]:
    """Describe what the columns of a manifest show."""
    from birdsong.licences import parse_licence
    from birdsong.recordings.manifest_checks import MIN_RECORDINGS

    lines = []
    if checked.rare_taxa:
        taxa = [f"{taxon} ({n})" for taxon, n in checked.rare_taxa]
        lines.append(
            f"fewer than {MIN_RECORDINGS} recordings: {len(taxa)} taxa: {', '.join(truncate(taxa))}"
        )
    if checked.one_session:
        lines.append(
            f"only one session, so that none is left for a test: {len(checked.one_session)} taxa: "
            f"{', '.join(truncate(checked.one_session))}"
        )
    if checked.leaks:
        groups = [" and ".join(names[:3]) for names in checked.leaks]
        lines.append(
            f"probably recorded together, but in different sessions: {len(checked.leaks)} groups: "
            f"{'; '.join(truncate(groups))}"
        )
    licences: Counter[str] = Counter()
    for text, n in checked.licences.items():
        licence = parse_licence(text)
        licences[licence.name if licence else text or "unknown"] += n
    lines.append("licences: " + ", ".join(f"{name} {n}" for name, n in licences.most_common()))
    if checked.n_without_recordist:
        lines.append(f"recordist unknown: {checked.n_without_recordist}")
    verdict = checked.sharing_terms
    lines.append(
        f"a model trained on all recordings may be shared under {verdict.licence}"
        if verdict.may_be_shared
        else "a model trained on all recordings should not be shared"
    )
    lines += [f"  {reason}" for reason in verdict.reasons]
    return lines


def duplicate_lines(duplicates: DuplicateReport) -> list[str]:
    """Describe the duplicates among the files, and the files that could not be read."""
    lines = [f"duplicates: {len(duplicates.pairs)}"]
    for pairs in duplicates.pairs:
        leak = "; THEY ARE IN DIFFERENT SESSIONS" if pairs.leaks else ""
        lines.append(
            f"  {pairs.first.name} ({pairs.first.taxon}) and {pairs.second.name} "
            f"({pairs.second.taxon}): {pairs.description}{leak}"
        )
    if any(pairs.leaks for pairs in duplicates.pairs):
        lines.append("  put both into one session, or remove one of them")
    if duplicates.unreadable:
        lines.append(f"could not be read: {len(duplicates.unreadable)}")
        reasons = [f"{name}: {reason}" for name, reason in duplicates.unreadable]
        lines += [f"  {line}" for line in truncate(reasons)]
    return lines
