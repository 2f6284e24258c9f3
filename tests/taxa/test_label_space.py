"""The columns of a model: where the background is, which labels are allowed, the tree."""

import re

import numpy as np
import pytest

from birdsong.errors import TaxonomyError
from birdsong.taxa.label_space import LabelSpace
from birdsong.taxa.labels import BACKGROUND
from birdsong.taxa.lineage import Lineage
from tests.taxa.trees import NESTED, SPECIES, THRUSHES

SPACE = LabelSpace((*SPECIES, BACKGROUND), THRUSHES)


def test_the_background_is_the_last_column():
    assert SPACE.has_background
    assert SPACE.n_columns == 6
    assert SPACE.bird_labels == tuple(SPECIES)


def test_a_space_without_a_background_has_a_column_a_bird():
    space = LabelSpace(tuple(SPECIES), THRUSHES)
    assert not space.has_background
    assert space.n_columns == 5
    assert space.bird_labels == tuple(SPECIES)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ((BACKGROUND, *SPECIES), "background must be the last label"),
        ((*SPECIES, BACKGROUND, BACKGROUND), "background must be the last label, and only one"),
        ((BACKGROUND,), "no label beside the background"),
        ((), "no label beside the background"),
    ],
)
def test_a_background_out_of_place_is_refused(labels, message):
    with pytest.raises(TaxonomyError, match=message):
        LabelSpace(labels, THRUSHES)


def test_class_indices_are_those_of_the_lowest_label_and_never_the_background():
    space = LabelSpace((*NESTED, BACKGROUND), THRUSHES)
    known = Lineage(
        order="Passeriformes", family="Turdidae", genus="Turdus", species="Turdus merula"
    )
    of_the_genus = Lineage(order="Passeriformes", family="Turdidae", genus="Turdus", species="")
    unknown = Lineage(
        order="Strigiformes", family="Strigidae", genus="Strix", species="Strix aluco"
    )
    assert space.class_indices([of_the_genus, known, unknown]).tolist() == [2, 0, -1]


def test_the_mask_has_a_place_for_each_bird_label():
    mask = SPACE.allowed_mask({"Pica pica", "Turdus philomelos"})
    assert mask.tolist() == [False, True, False, True, False]


def test_a_list_that_allows_nothing_or_a_stranger_is_refused():
    with pytest.raises(TaxonomyError, match="list of species is empty; expected one label"):
        SPACE.allowed_mask(set())
    message = re.escape("'Turdus' is on the list, but is no label of bundle 'thrushes'")
    with pytest.raises(TaxonomyError, match=message):
        SPACE.allowed_mask({"Pica pica", "Turdus"}, owner="bundle 'thrushes'")


def test_its_tree_has_the_bird_labels_the_temperatures_and_the_mask():
    mask = np.array([True, False, True, True, True])
    tree = SPACE.tree(temperatures={"species": 2.0}, allowed_mask=mask)
    assert tree.labels == tuple(SPECIES)
    roots = np.sqrt([0.5, 0.2, 0.15, 0.1, 0.05])
    expected = np.where(mask, roots / roots.sum(), 0.0)
    np.testing.assert_allclose(
        tree.label_probabilities(np.array([0.5, 0.2, 0.15, 0.1, 0.05])), expected
    )
