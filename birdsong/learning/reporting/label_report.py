"""The part of a report about each label: its metrics, and the table of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from birdsong.learning.evaluation.metrics.classification import (
    average_precision_by_label,
    recall_by_label,
)
from birdsong.learning.evaluation.scores import ScoredRecordings

_LABELS = """<div class="wide"><table>
<thead><tr><th>label</th>{name}<th>learned from</th><th>scored</th><th>recall</th>
<th>average precision</th><th>trust at</th><th>most often confused with</th></tr></thead>
<tbody>
{rows}
</tbody></table></div>"""


def label_metrics(
    scored: ScoredRecordings, matrix: Any, trusted_ranks: Mapping[int, str]
) -> list[dict[str, Any]]:
    """Metrics of each label that has scored recordings."""
    recalls = recall_by_label(scored.y_true, scored.y_prob)
    precisions = average_precision_by_label(scored.y_true, scored.y_prob)
    table = []
    for i in np.unique(scored.y_true):
        label = scored.labels[i]
        mistaken = np.where(np.arange(len(matrix)) == i, 0, matrix[i])
        own = scored.y_true == i
        table.append(
            {
                "label": label.taxon,
                "rank": label.rank,
                "english_name": label.english_name,
                "recordings": int(own.sum()),
                "sessions": len(
                    {s for s, is_own in zip(scored.sessions, own, strict=True) if is_own}
                ),
                "learned_from": label.n_recordings,
                "recall": float(recalls[i]),
                "average_precision": float(precisions[i]),
                "trust_at": trusted_ranks[int(i)],
                "most_often_taken_for": scored.labels[int(mistaken.argmax())].taxon
                if mistaken.any()
                else "",
            }
        )
    return table


def label_table(by_label: Sequence[Mapping[str, Any]]) -> str:
    """HTML table of the metrics of each label, the best first."""
    has_names = any(each["english_name"] for each in by_label)  # genera, say, have none
    rows = [
        f"<tr><td><i>{escape(each['label'])}</i></td>"
        + (f"<td>{escape(each['english_name'])}</td>" if has_names else "")
        + f"<td>{each['learned_from']}</td><td>{each['recordings']}</td>"
        f"<td>{100 * each['recall']:.0f} %</td><td>{each['average_precision']:.2f}</td>"
        f"<td>{each['trust_at']}</td>"
        f"<td><i>{escape(each['most_often_taken_for'])}</i></td></tr>"
        for each in sorted(by_label, key=lambda each: (-each["recall"], each["label"]))
    ]
    return _LABELS.format(name="<th>name</th>" if has_names else "", rows="\n".join(rows))
