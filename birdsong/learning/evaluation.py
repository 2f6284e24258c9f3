"""How good a network is on recordings that it did not learn from."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from birdsong.arrays import IntArray
from birdsong.images.feeding import PictureFeed
from birdsong.images.store import ImageStore
from birdsong.learning.material import Material, Part
from birdsong.learning.metrics import macro_recall, top_k_accuracy
from birdsong.pooling import Probabilities, pool
from birdsong.taxa.labels import BACKGROUND
from birdsong.taxa.taxonomy import RANKS


def measure(
    model: keras.Model, store: ImageStore, part: Part, material: Material, *, n_threads: int = 2
) -> dict[str, Any]:
    """Score a part by recording: its pictures pooled as answers pool segments.

    Parameters
    ----------
    model : keras.Model
        Takes pictures, returns logits, one column for each of ``material.labels``.
    store : ImageStore
    part : Part
        One side of the split in `material`.
    material : Material
    n_threads : int

    Returns
    -------
    dict
        ``recordings``, ``sessions``, ``top1``, ``top5``, ``macro_recall``, and ``top1_genus`` and
        so on for the ranks above the labels', where probabilities are summed per taxon. An empty
        part has ``recordings`` 0 and nothing else.
    """
    if not part.rows:
        return {"recordings": 0}
    feed = PictureFeed(
        store, part.rows, part.label_indices, n_labels=len(material.labels), n_threads=n_threads
    )
    logits = np.concatenate([model.predict_on_batch(pictures) for pictures, _ in feed.epoch()])
    background = material.labels[-1] == BACKGROUND
    names = np.array([row.recording for row in part.rows])
    is_bird = np.array([row.kind == "bird" for row in part.rows])
    y_true, y_prob = [], []
    for name in part.recordings:
        own = names == name
        y_true.append(part.label_indices[own & is_bird][0])
        y_prob.append(pool(logits[own], background=background).labels)
    true, prob = np.array(y_true), np.array(y_prob)
    measured: dict[str, Any] = {
        "recordings": len(true),
        "sessions": len(part.sessions),
        "top1": top_k_accuracy(true, prob),
        "top5": top_k_accuracy(true, prob, k=5),
        "macro_recall": macro_recall(true, prob),
    }
    return measured | _coarser(true, prob, material)


def _coarser(y_true: IntArray, y_prob: Probabilities, material: Material) -> dict[str, float]:
    """Top-1 at each rank above the labels', their probabilities summed per taxon."""
    tree = material.taxonomy
    rank = material.labels[0].rank
    bird_labels = [label for label in material.labels if label != BACKGROUND]
    node_prob = tree.aggregate(np.array([tree.index(x.taxon) for x in bird_labels]), y_prob)
    accuracies = {}
    for upper in RANKS[1 : RANKS.index(rank)]:
        nodes = [i for i, taxon in enumerate(tree.nodes) if taxon.rank == upper]
        column = {tree.nodes[node].name: c for c, node in enumerate(nodes)}
        above = [
            next((column[t.name] for t in tree.path(label.taxon) if t.rank == upper), -1)
            for label in bird_labels
        ]
        if -1 not in above:  # every label has a taxon at this rank
            true = np.array(above)[y_true]
            accuracies[f"top1_{upper}"] = top_k_accuracy(true, node_prob[:, nodes])
    return accuracies
