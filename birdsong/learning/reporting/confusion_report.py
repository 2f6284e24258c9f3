"""Section of the report about confusions: the most confused pairs and the matrix."""

from __future__ import annotations

from html import escape

import numpy as np

from birdsong.arrays import IntArray
from birdsong.learning.evaluation.metrics.classification import confusion_matrix
from birdsong.learning.evaluation.scores import ScoredRecordings
from birdsong.learning.reporting import figures

MAX_PAIRS = 25


def confused_pairs(matrix: IntArray) -> list[tuple[int, int, int, int]]:
    """List the confused pairs of labels, the most frequent first.

    Parameters
    ----------
    matrix : int, shape (n, n)
        Row: the true label. Column: the most probable one.

    Returns
    -------
    list of (true, predicted, n_mistaken, n_true)
        `n_mistaken` of the `n_true` recordings of the label `true` have the label `predicted` as
        the most probable one. Equal counts: the larger share first.
    """
    totals = matrix.sum(axis=1)
    pairs = [
        (int(true), int(predicted), int(matrix[true, predicted]), int(totals[true]))
        for true, predicted in np.argwhere(matrix)
        if true != predicted
    ]
    return sorted(pairs, key=lambda pair: (-pair[2], pair[3], pair[0], pair[1]))


def confusion_section(scored: ScoredRecordings) -> str:
    """HTML of the most confused pairs and the confusion matrix."""
    matrix = confusion_matrix(scored.y_true, scored.y_prob)
    order = _seen_in_tree_order(scored)
    names = [scored.labels[i].taxon for i in order]
    pairs = confused_pairs(matrix)
    rows = "\n".join(
        f"<tr><td><i>{escape(scored.labels[true].taxon)}</i></td>"
        f"<td><i>{escape(scored.labels[predicted].taxon)}</i></td>"
        f"<td>{n}</td><td>{n_true}</td><td>{100 * n / n_true:.0f} %</td></tr>"
        for true, predicted, n, n_true in pairs[:MAX_PAIRS]
    )
    left_out = (
        f" These are the {MAX_PAIRS} most frequent of {len(pairs)} pairs; metrics.json holds all."
        if len(pairs) > MAX_PAIRS
        else ""
    )
    return _SECTION.format(
        pairs=_PAIRS.format(rows=rows, left_out=left_out)
        if pairs
        else "<p>No label was confused with another.</p>",
        matrix=figures.confusion(matrix[np.ix_(order, order)], names),
    )


def _seen_in_tree_order(scored: ScoredRecordings) -> list[int]:
    """Labels that are true or predicted somewhere, in the order of the tree."""
    seen = sorted({*scored.y_true.tolist(), *scored.y_pred.tolist()})
    tree = scored.taxonomy
    return sorted(seen, key=lambda i: tree.index(scored.labels[i].taxon))


_PAIRS = """<p>How many of the recordings of a label have another one as their most probable
label.{left_out}</p>
<div class="wide"><table>
<thead><tr><th>true label</th><th>most probable label</th><th>recordings</th>
<th>of the true label's</th><th>share</th></tr></thead>
<tbody>
{rows}
</tbody></table></div>"""

_SECTION = """<h2>Confusions</h2>
{pairs}
<p>The matrix is in the order of the taxonomy, so that mistakes near the diagonal are mistakes among
relatives. A cell's number counts recordings.</p>
<input type="checkbox" id="full-size"><label for="full-size"> Show the matrix at full size, to
scroll in</label>
<div class="matrix">{matrix}</div>
"""
