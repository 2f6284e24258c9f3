"""Which labels a model learns: the taxa of one rank, under some taxa, with enough recordings."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from birdsong.errors import TaxonomyError
from birdsong.taxa.lineage import RANKS, Lineage, taxon_key
from birdsong.taxa.taxonomy import Taxonomy

LABEL_RANKS = RANKS[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A taxon that a model learns, and how much there was to learn it from."""

    taxon: str
    rank: str
    english_name: str = ""
    n_recordings: int = 0
    n_sessions: int = 0


BACKGROUND = Label(taxon="", rank="none")
"""The label of segments without a bird; it is never counted among the birds."""


def select_labels(
    lineages: Sequence[Lineage],
    sessions: Sequence[str],
    *,
    rank: str,
    under: Iterable[str] = (),
    min_recordings: int = 1,
) -> tuple[Label, ...]:
    """Choose the taxa of one rank that a model is to learn.

    A recording whose lineage is empty at `rank` teaches no label.

    Parameters
    ----------
    lineages : sequence of Lineage, length n_recordings
    sessions : sequence of str, length n_recordings
    rank : str
        ``species``, ``genus``, ``family`` or ``order``.
    under : iterable of str
        Only labels at or under one of these taxa, which may be of any rank; none: all labels.
    min_recordings : int
        Only labels with at least as many recordings, 1 or more.

    Returns
    -------
    tuple of Label, sorted by taxon

    Raises
    ------
    TaxonomyError
        If the lengths differ, an argument is out of range, the lineages contradict each other, a
        taxon of `under` is in none of them, or no label is left.
    """
    if rank not in LABEL_RANKS:
        raise TaxonomyError(f"'rank' must be one of {', '.join(LABEL_RANKS)}, got {rank!r}")
    if min_recordings < 1:
        raise TaxonomyError(f"'min_recordings' must be 1 or greater, got {min_recordings}")
    if len(lineages) != len(sessions):
        raise TaxonomyError(
            f"{len(lineages)} lineages for {len(sessions)} sessions, expected as many"
        )
    taxonomy = Taxonomy.from_lineages(lineages)
    wanted = {taxonomy.nodes[taxonomy.index(name)] for name in under}
    n_recordings: Counter[str] = Counter()
    sessions_of: defaultdict[str, set[str]] = defaultdict(set)
    for lineage, session in zip(lineages, sessions, strict=True):
        if name := getattr(lineage, rank):
            n_recordings[taxon_key(name)] += 1
            sessions_of[taxon_key(name)].add(session)

    paths = {key: taxonomy.path(key) for key in n_recordings}
    if wanted:
        paths = {key: path for key, path in paths.items() if not wanted.isdisjoint(path)}
    where = f" under {', '.join(sorted(taxon.name for taxon in wanted))}" if wanted else ""
    if not paths:
        raise TaxonomyError(f"no {rank}{where} in the lineages; choose another taxon or rank")
    most = max(n_recordings[key] for key in paths)
    if most < min_recordings:
        raise TaxonomyError(
            f"no {rank}{where} has {min_recordings} recordings, the largest has {most}; "
            "lower 'min_recordings'"
        )
    labels = [
        Label(
            taxon=path[-1].name,
            rank=rank,
            english_name=path[-1].english_name,
            n_recordings=n_recordings[key],
            n_sessions=len(sessions_of[key]),
        )
        for key, path in paths.items()
        if n_recordings[key] >= min_recordings
    ]
    return tuple(sorted(labels, key=lambda label: label.taxon))


def label_indices(labels: Sequence[Label], lineages: Sequence[Lineage]) -> npt.NDArray[np.intp]:
    """Class index of every recording: the label that its lineage names at the label's rank.

    Where labels of several ranks fit, the lowest one counts.

    Returns
    -------
    int, shape (n_recordings,)
        Position in `labels`, or -1 where no label fits.
    """
    index_of = {(label.rank, taxon_key(label.taxon)): i for i, label in enumerate(labels)}
    ranks = [rank for rank in reversed(LABEL_RANKS) if any(label.rank == rank for label in labels)]

    def index(lineage: Lineage) -> int:
        keys = ((rank, taxon_key(getattr(lineage, rank))) for rank in ranks)
        return next((index_of[key] for key in keys if key in index_of), -1)

    return np.array([index(lineage) for lineage in lineages], dtype=np.intp)
