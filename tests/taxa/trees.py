"""Trees that several tests share, and random predictions on them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from birdsong.taxa.labels import Label
from birdsong.taxa.lineage import Lineage
from birdsong.taxa.taxonomy import Taxonomy

THRUSHES = Taxonomy.from_lineages(
    Lineage(order=order, family=family, genus=genus, species=f"{genus} {epithet}", english_name=e)
    for order, family, genus, epithet, e in [
        ("Passeriformes", "Turdidae", "Turdus", "merula", "Common Blackbird"),
        ("Passeriformes", "Turdidae", "Turdus", "philomelos", ""),
        ("Passeriformes", "Turdidae", "Catharus", "minimus", ""),
        ("Passeriformes", "Corvidae", "Pica", "pica", ""),
        ("Strigiformes", "Strigidae", "Bubo", "bubo", ""),
    ]
)
SPECIES = [
    Label(taxon=name, rank="species")
    for name in ("Turdus merula", "Turdus philomelos", "Catharus minimus", "Pica pica", "Bubo bubo")
]
NESTED = [*SPECIES[:2], Label(taxon="Turdus", rank="genus"), *SPECIES[3:]]
"""The genus among them means another thrush than the first two."""


def species_tree(n_of_genus: list[int]) -> tuple[Taxonomy, list[Label]]:
    """Genera with the given numbers of species, three per family, two families per order."""
    names = [
        (f"Ordo{g // 6}", f"Familia{g // 3}", f"Genus{g}", f"Genus{g} sp{s}")
        for g, n in enumerate(n_of_genus)
        for s in range(n)
    ]
    tree = Taxonomy.from_lineages(
        Lineage(order=o, family=f, genus=g, species=s) for o, f, g, s in names
    )
    return tree, [Label(taxon=s, rank="species") for *_, s in names]


shapes = st.lists(st.integers(1, 4), min_size=1, max_size=8)
"""Of trees: of one genus, of monotypic genera, and between."""


def drawn(
    generator: np.random.Generator, n: int, n_labels: int, *, sharpness: float = 3.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random probabilities of labels and of a bird, and true labels drawn from them."""
    logits = sharpness * generator.standard_normal((n, n_labels))
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    cumulated = probabilities.cumsum(axis=1)
    y_true = (generator.random((n, 1)) > cumulated[:, :-1]).sum(axis=1)
    return probabilities, generator.uniform(0.9, 1, n), y_true
