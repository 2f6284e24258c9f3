"""Selection of the answer: the most specific taxon that keeps a promise.

The answer is a taxon on the path of the most probable label. `promises.Promises` has the threshold
of each rank for a calibrated model; without calibration, the threshold is the promise itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from birdsong.errors import TaxonomyError
from birdsong.selective.bounds import min_samples
from birdsong.selective.promises import CLASS, NOTHING, Promises, check_promise
from birdsong.taxa.label_tree import Indices, LabelTree, Paths, Probabilities
from birdsong.taxa.lineage import DEPTH, RANKS

_RANK_WITH_ARTICLE = {rank: f"an {rank}" if rank == "order" else f"a {rank}" for rank in RANKS}


@dataclass(frozen=True, slots=True)
class RankedTaxon:
    """A taxon and the probability that the bird belongs to it."""

    rank: str
    taxon: str
    english_name: str | None
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer about a recording, and why it is no more specific.

    Attributes
    ----------
    rank : str
        ``species``, ``genus``, ``family``, ``order``; ``class`` for a bird that is not identified
        further; ``none`` for no bird.
    taxon, english_name : str or None
        None if there is no bird, or no English name.
    probability : float in [0, 1]
        Probability of the answer; for ``none``, that there is no bird.
    promise : float
        The requested accuracy.
    reason : str
        One sentence for a reader: the finding, and `because`.
    because : str
        The part of `reason` that says what a more specific answer needs, without a full stop; empty
        if there is no bird.
    runner_up : RankedTaxon or None
        The most probable taxon directly under the answer that is not on the path.
    path : tuple of RankedTaxon
        From Aves to the most probable label, including taxa below the answer. Probabilities never
        rise on the way down.
    """

    rank: str
    taxon: str | None
    english_name: str | None
    probability: float
    promise: float
    reason: str
    because: str
    runner_up: RankedTaxon | None
    path: tuple[RankedTaxon, ...]


def select(
    tree: LabelTree,
    probabilities: npt.ArrayLike,
    *,
    bird_probability: float,
    promise: float,
    promises: Promises | None = None,
) -> Answer:
    """Choose the most specific taxon that keeps a promise.

    The probability of a taxon ``v`` is ``bird_probability`` times what
    `LabelTree.node_probabilities` returns for it. If no taxon on the path reaches its threshold,
    the answer is Aves, an abstention. If no bird is more probable than a bird, the answer is no
    bird.

    If only some labels are allowed, the probability of a taxon is that of its allowed labels. The
    thresholds are fitted to birds on the list, and a bird that is not on the list rarely reaches
    them.

    Parameters
    ----------
    tree : LabelTree
    probabilities : float, shape (n_labels,), 0 or greater, sum 1
        Given that there is a bird. Among equally probable labels, the first in the tree is used.
    bird_probability : float in [0, 1]
    promise : float in (0, 1]
        0.9 asks for nine right answers in ten.
    promises : Promises, optional
        Of a calibrated model; without them every rank needs a probability as high as the promise.

    Returns
    -------
    Answer

    Raises
    ------
    TaxonomyError
        If an argument is not as above.
    """
    if not 0 <= bird_probability <= 1:
        raise TaxonomyError(f"'bird_probability' must be from 0 to 1, got {bird_probability}")
    check_promise(promise)
    values = tree.checked(probabilities)
    if values.ndim != 1:
        raise TaxonomyError(f"expected one probability per label, got shape {values.shape}")
    paths = tree.paths(values[np.newaxis], np.array([float(bird_probability)]))
    (chosen,) = choose_ranks(paths, promise, promises)
    taxon_probabilities = _TaxonProbabilities(
        tree, bird_probability * tree.node_probabilities(values)
    )
    path_nodes = [int(node) for node in paths.nodes[0] if node >= 0]
    path = tuple(taxon_probabilities.ranked(node) for node in path_nodes)
    if chosen == NOTHING:
        return Answer(
            rank="none",
            taxon=None,
            english_name=None,
            probability=1 - float(bird_probability),
            promise=float(promise),
            reason="Probably no bird: the probability of one is "
            f"{format_percent(bird_probability)}.",
            because="",
            runner_up=None,
            path=path,
        )
    position = [taxon.rank for taxon in path].index(RANKS[chosen])
    answer, below = path[position], path[position + 1 :]
    runner_up = taxon_probabilities.runner_up(path_nodes[position : position + 2])
    outside_text = f"{format_percent(1 - paths.allowed[0])} of the probability lies outside"
    if paths.allowed[0] < 0.5 and chosen == CLASS:
        found, because = "", f"Probably not in your list: {outside_text} it"
    else:
        found, because = _explain(answer, below, runner_up, float(promise), promises)
        if paths.allowed[0] < 0.5:
            because += f"; {outside_text} your list"
    return Answer(
        rank=answer.rank,
        taxon=answer.taxon,
        english_name=answer.english_name,
        probability=answer.probability,
        promise=float(promise),
        reason=f"{found}; {because}." if found else f"{because}.",
        because=because,
        runner_up=runner_up,
        path=path,
    )


def choose_ranks(paths: Paths, promise: float, promises: Promises | None) -> Indices:
    """Choose the rank of the answer to each recording.

    Parameters
    ----------
    paths : Paths
    promise : float in (0, 1]
    promises : Promises or None
        None for an uncalibrated model: every rank needs a probability of at least `promise`.

    Returns
    -------
    int, shape (n,)
        Column of `RANKS`, as from `Promises.choose`.
    """
    return (promises or uncalibrated_promises(promise)).choose(paths, promise)


def uncalibrated_promises(threshold: float) -> Promises:
    """Thresholds of an uncalibrated model: every rank needs the same probability."""
    same = (0.0, *(float(threshold) for _ in RANKS[1:]))
    return Promises(thresholds={float(threshold): same}, n_recordings=0)


class _TaxonProbabilities:
    """The taxa of a tree with their probabilities."""

    def __init__(self, tree: LabelTree, probabilities: Probabilities) -> None:
        self._taxonomy = tree.taxonomy
        self._probabilities = probabilities

    def ranked(self, node: int) -> RankedTaxon:
        taxon = self._taxonomy.nodes[node]
        return RankedTaxon(
            taxon.rank, taxon.name, taxon.english_name or None, float(self._probabilities[node])
        )

    def runner_up(self, nodes: Sequence[int]) -> RankedTaxon | None:
        """The most probable taxon under the first node, except the second, which is on the path."""
        if len(nodes) < 2:
            return None
        siblings = np.flatnonzero(self._taxonomy.parents == nodes[0])
        siblings = siblings[siblings != nodes[1]]
        if not len(siblings) or not self._probabilities[siblings].any():
            return None
        return self.ranked(int(siblings[self._probabilities[siblings].argmax()]))


def _explain(
    answer: RankedTaxon,
    below: Sequence[RankedTaxon],
    runner_up: RankedTaxon | None,
    promise: float,
    promises: Promises | None,
) -> tuple[str, str]:
    """Return the finding (may be empty), and why the answer is not more specific."""
    requested = f"{100 * promise:g} %"
    thresholds = (promises or uncalibrated_promises(promise)).at(promise)
    rank = below[0].rank if below else answer.rank
    threshold = thresholds[DEPTH[rank]]
    closest = below[0] if below and below[0].probability >= promise else answer
    reached = f"{closest.taxon} reaches {format_percent(closest.probability)}"
    if below and closest is answer:
        runner_ups = [taxon for taxon in (below[0], runner_up) if taxon is not None]
        reached = f"Which {rank} is uncertain: " + ", ".join(
            f"{taxon.taxon} {format_percent(taxon.probability)}" for taxon in runner_ups
        )
    if answer.rank == "class" and answer.probability < threshold < math.inf:
        reached = f"Whether there is a bird is uncertain: {format_percent(answer.probability)}"
    if promises is None:
        return reached, f"{requested} were asked for, and the model is not calibrated"
    if all(math.isinf(each) for each in thresholds[CLASS + 1 :]):
        return "", _explain_unsupported(promise, promises)
    if math.isinf(threshold):
        return reached, _explain_unanswerable([taxon.rank for taxon in below], promise, promises)
    # Rounded away from the probability, so that the two never look equal.
    needs = math.ceil(100 * threshold - 1e-9) if below else math.floor(100 * threshold + 1e-9)
    return reached, f"{_RANK_WITH_ARTICLE[rank]} needs {needs} % to keep a promise of {requested}"


def _explain_unanswerable(ranks: Sequence[str], promise: float, promises: Promises) -> str:
    """Explain that a rank has no answers, and which lower rank or promise has some."""
    text = f"no {ranks[0]} can be answered with a promise of {100 * promise:g} %"
    thresholds = promises.at(promise)
    for rank in ranks[1:]:
        if math.isfinite(threshold := thresholds[DEPTH[rank]]):
            needed = math.ceil(100 * threshold - 1e-9)
            return f"{text}, and {_RANK_WITH_ARTICLE[rank]} needs {needed} %"
    lower = [
        (each, DEPTH[rank])
        for each, thresholds in promises.thresholds.items()
        for rank in ranks
        if each < promise and math.isfinite(thresholds[DEPTH[rank]])
    ]
    if not lower:
        return text
    highest, column = max(lower)
    return f"{text}, {_RANK_WITH_ARTICLE[RANKS[column]]} can with one of {100 * highest:g} %"


def _explain_unsupported(promise: float, promises: Promises) -> str:
    requested, n = f"{100 * promise:g} %", promises.n_recordings
    minimum = min_samples(promise)
    if minimum is None or promise > max(promises.thresholds, default=0.0):
        return f"A promise of {requested} is more than any recordings could support"
    if n < minimum:
        return (
            f"A promise of {requested} takes at least {minimum} recordings to calibrate by, all of "
            f"them answered right, and there are {n}"
        )
    text = f"With the {n} recordings that calibrate it no answer keeps a promise of {requested}"
    return text if promises.highest is None else f"{text}; one of {100 * promises.highest:g} % can"


def format_percent(probability: float) -> str:
    """Format whole percent, rounded down, so that 89.9 % never reads as a promise of 90 %."""
    return f"{math.floor(100 * probability + 1e-9)} %"
