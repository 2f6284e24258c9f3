"""Which labels a model learns: the taxa of one rank, under some taxa, with enough recordings.

With back-off, labels may be nested: beside *Turdus merula* and *Turdus philomelos* the label of the
genus means any other *Turdus*. Each is a class of its own, and the probability of the genus is the
sum of the three (`Taxonomy.aggregate`), each counted once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from birdsong.errors import TaxonomyError
from birdsong.taxa.lineage import RANKS, Lineage, Taxon, taxon_key
from birdsong.taxa.taxonomy import Taxonomy

LABEL_RANKS = RANKS[1:]
_BACK_OFF = {"species": ("genus", "family"), "genus": ("family",), "family": (), "order": ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A taxon that is a class of a model, and the number of its training recordings.

    If other labels are under the taxon, the label means the rest of the taxon.
    """

    taxon: str
    rank: str
    english_name: str = ""
    n_recordings: int = 0
    n_sessions: int = 0


BACKGROUND = Label(taxon="", rank="none")
"""The label of segments without a bird; it is not one of the bird labels."""


def select_labels(
    lineages: Sequence[Lineage],
    sessions: Sequence[str],
    *,
    rank: str,
    under: Iterable[str] = (),
    without: Iterable[str] = (),
    min_recordings: int = 1,
    back_off: bool = False,
) -> tuple[Label, ...]:
    """Choose the labels of a model.

    A recording whose lineage is empty at `rank` has no label, unless `back_off` is set: recordings
    of species with too few recordings then get the label of their genus, and if these are too few,
    of their family. The label of a genus means any species of it that has no label of its own. No
    recording has two labels.

    Parameters
    ----------
    lineages : sequence of Lineage, length n_recordings
    sessions : sequence of str, length n_recordings
    rank : str
        ``species``, ``genus``, ``family`` or ``order``.
    under : iterable of str
        Only labels at or under one of these taxa, of any rank; empty for all labels.
    without : iterable of str
        Taxa of any rank; recordings at or under one of them have no label.
    min_recordings : int
        Only labels with at least as many recordings, 1 or more.
    back_off : bool

    Returns
    -------
    tuple of Label, sorted by taxon

    Raises
    ------
    TaxonomyError
        If the lengths differ, an argument is out of range, the lineages contradict each other, a
        taxon of `under` or `without` is in none of them, or no label is left.
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
    wanted, unwanted = (set(map(taxonomy.taxon, names)) for names in (under, without))
    excluded = frozenset(taxon_key(taxon.name) for taxon in unwanted)
    labels: list[Label] = []
    unlabelled, largest = list(range(len(lineages))), 0
    for each in (rank, *_BACK_OFF[rank]) if back_off else (rank,):
        genera_with_species, labelled = _genera_of_species(labels), set[int]()
        recordings_of: defaultdict[str, list[int]] = defaultdict(list)
        for i in unlabelled:
            if key := _usable_taxa(lineages[i], excluded, genera_with_species).get(each):
                recordings_of[key].append(i)
        for key, own in recordings_of.items():
            path = taxonomy.path(key)
            if not unwanted.isdisjoint(path) or (wanted and wanted.isdisjoint(path)):
                continue
            largest = max(largest, len(own))
            if len(own) >= min_recordings:
                labels.append(_label(path[-1], [sessions[i] for i in own]))
                labelled.update(own)
        unlabelled = [i for i in unlabelled if i not in labelled]
    if not labels:
        where = _phrase("under", wanted) + _phrase("without", unwanted)
        if not largest:
            raise TaxonomyError(f"no {rank}{where} in the lineages; choose another taxon or rank")
        raise TaxonomyError(
            f"no {rank}{where} has {min_recordings} recordings, the largest has {largest}; "
            "lower 'min_recordings'"
        )
    return tuple(sorted(labels, key=lambda label: label.taxon))


def in_rare_sessions(
    lineages: Sequence[Lineage], sessions: Sequence[str], *, rank: str, max_recordings: int
) -> npt.NDArray[np.bool_]:
    """Find the recordings of sessions in which all taxa are rare.

    Parameters
    ----------
    lineages : sequence of Lineage, length n_recordings
    sessions : sequence of str, length n_recordings
    rank : str
        Rank of the taxa that are counted.
    max_recordings : int
        A taxon with more recordings is not rare.

    Returns
    -------
    bool, shape (n_recordings,)

    Raises
    ------
    TaxonomyError
        If there is no such recording.
    """
    keys = [taxon_key(getattr(lineage, rank)) for lineage in lineages]
    n_recordings = Counter(filter(None, keys))
    excluded = {
        session
        for key, session in zip(keys, sessions, strict=True)
        if n_recordings[key] > max_recordings
    }
    rare = np.array([session not in excluded for session in sessions])
    if not rare.any():
        raise TaxonomyError(
            f"at rank {rank} each session has a taxon with more than {max_recordings} recordings, "
            f"the rarest has {min(n_recordings.values(), default=0)}; raise 'max_recordings'"
        )
    return rare


def label_indices(
    labels: Sequence[Label], lineages: Sequence[Lineage], *, without: Iterable[str] = ()
) -> npt.NDArray[np.intp]:
    """Class index of every recording: the lowest label that its lineage names.

    A recording that is only identified to its genus has the label of the genus. If there is none,
    but some species of the genus have labels, it has no label, because it may be one of them.

    Parameters
    ----------
    labels : sequence of Label
    lineages : sequence of Lineage, length n_recordings
    without : iterable of str
        Taxa whose recordings have no label, as in `select_labels`.

    Returns
    -------
    int, shape (n_recordings,)
        Position in `labels`, or -1 where no label fits.
    """
    index_of = {(label.rank, taxon_key(label.taxon)): i for i, label in enumerate(labels)}
    excluded, genera_with_species = frozenset(map(taxon_key, without)), _genera_of_species(labels)

    def index(lineage: Lineage) -> int:
        names = _usable_taxa(lineage, excluded, genera_with_species).items()
        return next((index_of[name] for name in names if name in index_of), -1)

    return np.array([index(lineage) for lineage in lineages], dtype=np.intp)


def is_selected(
    lineage: Lineage, *, under: Iterable[str] = (), without: Iterable[str] = ()
) -> bool:
    """Whether a recording is selected by its taxa.

    Parameters
    ----------
    lineage : Lineage
    under : iterable of str
        Taxa, one of which must contain it; empty for no restriction.
    without : iterable of str
        Taxa, none of which may contain it.
    """
    keys = {taxon_key(getattr(lineage, rank)) for rank in LABEL_RANKS}
    wanted, excluded = (frozenset(map(taxon_key, names)) for names in (under, without))
    return excluded.isdisjoint(keys) and not (wanted and wanted.isdisjoint(keys))


def _usable_taxa(
    lineage: Lineage, excluded: Set[str], genera_with_species: Set[str]
) -> dict[str, str]:
    """The taxon of which a recording can be a training example at each rank, lowest rank first.

    Parameters
    ----------
    lineage : Lineage
    excluded : set of str
        Taxa whose recordings have no label.
    genera_with_species : set of str
        Genera of which some species have labels.
    """
    keys = {rank: taxon_key(getattr(lineage, rank)) for rank in reversed(LABEL_RANKS)}
    if not excluded.isdisjoint(keys.values()):
        return {}
    if not keys["species"] and keys["genus"] in genera_with_species:
        return {"genus": keys["genus"]}
    return {rank: key for rank, key in keys.items() if key}


def _genera_of_species(labels: Iterable[Label]) -> frozenset[str]:
    return frozenset(
        taxon_key(label.taxon).split()[0] for label in labels if label.rank == "species"
    )


def _label(taxon: Taxon, sessions: Sequence[str]) -> Label:
    return Label(
        taxon=taxon.name,
        rank=taxon.rank,
        english_name=taxon.english_name,
        n_recordings=len(sessions),
        n_sessions=len(set(sessions)),
    )


def _phrase(word: str, taxa: Iterable[Taxon]) -> str:
    names = ", ".join(sorted(taxon.name for taxon in taxa))
    return f" {word} {names}" if names else ""
