"""``birdsong manifest check``: what a reader is told of what may be wrong with a manifest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from .truncate import first_few

if TYPE_CHECKING:
    from birdsong.images.duplicates import Looked
    from birdsong.recordings.manifest_checks import ManifestReport


def check(
    manifest: Path,
    audio: Path | None,
    n_jobs: int | None,
    attribution: Path | None,
    *,
    replace: bool = False,
) -> int:
    """Look through a manifest, and through its files where they are; tell what was found."""
    from birdsong.images.duplicates import find_duplicates
    from birdsong.images.tables import write_attribution
    from birdsong.overwrite import staged_files
    from birdsong.recordings.audio_folder import AudioFolder
    from birdsong.recordings.manifest import read_manifest
    from birdsong.recordings.manifest_checks import check_manifest

    from .command import ALL_WELL, SOME_FAILED
    from .progress import Progress
    from .validators import check_jobs

    check_jobs(n_jobs, all_cores=True)
    recordings = read_manifest(manifest)
    checked = check_manifest(recordings)
    print(f"{manifest}: {len(recordings)} recordings of {checked.n_taxa} taxa")
    for line in told(checked):
        print(line)
    if attribution is not None:
        with staged_files(attribution.parent, replace=replace, option="--attribution") as folder:
            write_attribution(folder / attribution.name, recordings)
        print(f"attribution: {attribution}")
    is_well = not checked.leaks
    if audio is None:
        print("duplicates: not looked for; name the folder of the recordings with --audio")
    else:
        with Progress("listen", len(recordings), "recordings") as progress:
            looked = find_duplicates(
                recordings,
                AudioFolder(audio),
                n_jobs=-1 if n_jobs is None else n_jobs,
                on_done=progress.advance,
            )
        for line in told_duplicates(looked):
            print(line)
        is_well = is_well and not looked.twice and not looked.unread
    return ALL_WELL if is_well else SOME_FAILED


def told(checked: ManifestReport) -> list[str]:
    """Say what a manifest's own columns tell."""
    from birdsong.licences import parse_licence
    from birdsong.recordings.manifest_checks import MIN_RECORDINGS

    lines = []
    if checked.rare_taxa:
        taxa = [f"{taxon} ({n})" for taxon, n in checked.rare_taxa]
        lines.append(
            f"fewer than {MIN_RECORDINGS} recordings: {len(taxa)} taxa: "
            f"{', '.join(first_few(taxa))}"
        )
    if checked.one_session:
        lines.append(
            f"one session only, so that nothing can be tested: {len(checked.one_session)} taxa: "
            f"{', '.join(first_few(checked.one_session))}"
        )
    if checked.leaks:
        groups = [" and ".join(names[:3]) for names in checked.leaks]
        lines.append(
            f"probably made together, but in different sessions: {len(checked.leaks)} groups: "
            f"{'; '.join(first_few(groups))}"
        )
    named: Counter[str] = Counter()
    for text, n in checked.licences.items():
        known = parse_licence(text)
        named[known.name if known else text or "not known"] += n
    lines.append("licences: " + ", ".join(f"{name} {n}" for name, n in named.most_common()))
    if checked.n_without_recordist:
        lines.append(f"recordist not known: {checked.n_without_recordist}")
    judged = checked.sharing_terms
    lines.append(
        f"a model that learns from all of it may be shared under {judged.licence}"
        if judged.may_be_shared
        else "a model that learns from all of it should not be shared"
    )
    lines += [f"  {reason}" for reason in judged.reasons]
    return lines


def told_duplicates(looked: Looked) -> list[str]:
    """Say what the files tell."""
    lines = [f"duplicates: {len(looked.twice)}"]
    for twice in looked.twice:
        leak = "; THEY ARE IN DIFFERENT SESSIONS" if twice.leaks else ""
        lines.append(
            f"  {twice.first.name} ({twice.first.taxon}) and {twice.second.name} "
            f"({twice.second.taxon}): {twice.how}{leak}"
        )
    if any(twice.leaks for twice in looked.twice):
        lines.append("  give such two one session, or leave one of them out")
    if looked.unread:
        lines.append(f"not looked at: {len(looked.unread)}")
        reasons = [f"{name}: {reason}" for name, reason in looked.unread]
        lines += [f"  {line}" for line in first_few(reasons)]
    return lines
