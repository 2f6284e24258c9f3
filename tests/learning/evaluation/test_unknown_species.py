"""Answers to birds that a bundle has no label for, held to what `classify` would say."""

from dataclasses import replace

import pytest

from birdsong.answers.answer_selector import AnswerSelector
from birdsong.bundle.bundle_files import read_bundle
from birdsong.bundle.pooling import DEFAULT_POOLING, pool
from birdsong.images.store import open_store
from birdsong.learning.evaluation.held_out import score_bundle
from birdsong.learning.evaluation.unknown_species import answers_to_unknown


@pytest.mark.parametrize("calibrated", [True, False])
def test_counted_as_answers_are_given(calibrated, calibrated_dir, bundle_dir, images):
    """Images of known birds under a new name: their species is wrong, the family still right."""
    bundle = read_bundle(calibrated_dir if calibrated else bundle_dir)
    store = open_store(images)
    renamed = [
        replace(row, genus="Novus", species="ignotus") if row.species == "summus" else row
        for row in store.rows
    ]
    unknown = score_bundle(
        bundle, replace(store, rows=tuple(renamed)), include_training=True
    ).unknown
    assert unknown is not None
    assert {own.species for own in unknown.lineages} == {"Novus ignotus"}
    selector = AnswerSelector(bundle)
    for told in answers_to_unknown(bundle, unknown, (0.5, 0.9)):
        counted = {
            rank: {"right": 0, "wrong": 0} for rank in ("order", "family", "genus", "species")
        }
        counted |= {"class": 0, "none": 0}
        for segments, lineage in zip(unknown.data.segments, unknown.lineages, strict=True):
            evidence = pool(
                unknown.data.logits[segments],
                has_background=bundle.has_background,
                signal_level_db=unknown.data.signal_level_db[segments],
                rule=bundle.calibration.pooling if calibrated else DEFAULT_POOLING,
            )
            answer = selector.answer(evidence, told["promise"])
            if answer.rank in ("class", "none"):
                counted[answer.rank] += 1
            else:
                right = answer.taxon == getattr(lineage, answer.rank)
                counted[answer.rank]["right" if right else "wrong"] += 1
        assert told == {"promise": told["promise"], "recordings": 8, **counted}
        assert told["species"]["right"] == 0


def test_none_where_all_are_known(bundle_dir, images):
    assert score_bundle(read_bundle(bundle_dir), open_store(images)).unknown is None
