"""From probabilities over labels to one answer: the most specific taxon that keeps a promise.

A rule takes a tree, labels on it and their probabilities, and returns an `Answer`. It climbs from
the most probable label towards Aves until it can stand by what it says.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from birdsong.errors import TaxonomyError
from birdsong.taxa.labels import Label
from birdsong.taxa.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class RankedTaxon:
    """A taxon and the probability that the bird belongs to it."""

    rank: str
    taxon: str
    english_name: str | None
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is said about a recording, and why nothing more specific.

    Attributes
    ----------
    rank : str
        ``species``, ``genus``, ``family``, ``order``; ``class`` for a bird and nothing closer;
        ``none`` for no bird.
    taxon, english_name : str or None
        None where there is no bird, or no English name.
    probability : float in [0, 1]
        That the answer is right; for ``none``, that there is no bird.
    promise : float
        The accuracy asked for.
    reason : str
        One sentence for a reader.
    runner_up : RankedTaxon or None
        The most probable other taxon directly under the answer, beside the one on the path.
    path : tuple of RankedTaxon
        From Aves to the most probable label, also below the answer. Probabilities never rise on
        the way down.
    """

    rank: str
    taxon: str | None
    english_name: str | None
    probability: float
    promise: float
    reason: str
    runner_up: RankedTaxon | None
    path: tuple[RankedTaxon, ...]


def select_by_threshold(
    taxonomy: Taxonomy,
    labels: Sequence[Label],
    probabilities: npt.ArrayLike,
    *,
    bird_probability: float,
    promise: float,
) -> Answer:
    """Climb from the most probable label until the probability reaches the promise.

    The probability of a taxon ``v`` is ``bird_probability`` times the sum of `probabilities` at or
    under ``v``. Where even Aves stays below the promise, the answer is no bird if that is the more
    probable, and otherwise an abstention: Aves.

    Parameters
    ----------
    taxonomy : Taxonomy
    labels : sequence of Label, length n_labels
        Distinct taxa of the tree, without the background; their order does not matter, and of
        equally probable ones the first in the tree leads.
    probabilities : float, shape (n_labels,), 0 or greater, sum 1
        Given that there is a bird.
    bird_probability : float in [0, 1]
    promise : float in (0, 1]
        0.9 asks for nine right answers in ten.

    Raises
    ------
    TaxonomyError
        If an argument is not as above or a label is not in the tree.
    """
    own = _checked(taxonomy, labels, probabilities)
    if not 0 <= bird_probability <= 1:
        raise TaxonomyError(f"'bird_probability' must be from 0 to 1, got {bird_probability}")
    if not 0 < promise <= 1:
        raise TaxonomyError(
            f"'promise' must be greater than 0 and at most 1, such as 0.9, got {promise}"
        )
    bird_probability, promise = float(bird_probability), float(promise)
    # Rounding may carry a sum a hair past 1, and Aves above the probability of a bird.
    shares = np.minimum(taxonomy.aggregate(range(len(own)), own), 1.0)
    shares[0] = 1.0

    def ranked(name: str) -> RankedTaxon:
        index = taxonomy.index(name)
        taxon = taxonomy.nodes[index]
        probability = float(bird_probability * shares[index])
        return RankedTaxon(taxon.rank, taxon.name, taxon.english_name or None, probability)

    best_label = taxonomy.nodes[int(np.argmax(own))]
    path = tuple(ranked(taxon.name) for taxon in taxonomy.path(best_label.name))
    kept = [taxon for taxon in path if taxon.probability >= promise]
    if not kept and bird_probability < 0.5:
        return Answer(
            rank="none",
            taxon=None,
            english_name=None,
            probability=1 - bird_probability,
            promise=promise,
            reason=f"Probably no bird: the probability of one is {_percent(bird_probability)}.",
            runner_up=None,
            path=path,
        )
    answer = kept[-1] if kept else path[0]
    below = path[max(len(kept), 1) :]
    others = [
        ranked(child.name)
        for child in taxonomy.children(answer.taxon)
        if below and child.name != below[0].taxon
    ]
    runner_up = max(others, key=lambda taxon: taxon.probability, default=None)
    if runner_up is not None and runner_up.probability == 0:
        runner_up = None
    if not kept:
        doubt = f"Whether there is a bird is uncertain: {_percent(bird_probability)}"
    elif below:
        rivals = [taxon for taxon in (below[0], runner_up) if taxon is not None]
        doubt = f"Which {below[0].rank} is uncertain: " + ", ".join(
            f"{taxon.taxon} {_percent(taxon.probability)}" for taxon in rivals
        )
    else:
        doubt = f"{answer.taxon} reaches {_percent(answer.probability)}"
    return Answer(
        rank=answer.rank,
        taxon=answer.taxon,
        english_name=answer.english_name,
        probability=answer.probability,
        promise=promise,
        reason=f"{doubt}; {100 * promise:g} % were asked for.",
        runner_up=runner_up,
        path=path,
    )


def _checked(
    taxonomy: Taxonomy, labels: Sequence[Label], probabilities: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """The labels' probabilities, summing to 1, each at its node: float64, shape (n_nodes,)."""
    values = np.asarray(probabilities, dtype=np.float64)
    if not labels or values.shape != (len(labels),):
        raise TaxonomyError(
            f"expected one probability per label and at least one label, got {len(labels)} labels "
            f"and probabilities of shape {values.shape}"
        )
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise TaxonomyError("probabilities must be finite and 0 or greater")
    if abs(values.sum() - 1) > 1e-3:
        raise TaxonomyError(f"probabilities must sum to 1 within 0.001, got {values.sum():.6g}")
    indices = [taxonomy.index(label.taxon) for label in labels]
    if len(set(indices)) < len(indices):
        raise TaxonomyError("expected distinct labels, got two on one taxon")
    own = np.zeros(len(taxonomy.nodes))
    own[indices] = values
    normalised: npt.NDArray[np.float64] = own / own.sum()
    return normalised


def _percent(probability: float) -> str:
    """Whole percent, rounded down so that nothing short of a promise reads as if it kept it."""
    return f"{math.floor(100 * probability + 1e-9)} %"
