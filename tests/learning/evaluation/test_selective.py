"""Selective evaluation, on recordings that nothing was fitted to."""

import json
from dataclasses import replace

import numpy as np
import pytest

from birdsong.answers.answer_selector import AnswerSelector
from birdsong.bundle.bundle_files import read_bundle
from birdsong.bundle.calibration_data import CalibrationData
from birdsong.bundle.pooling import softmax
from birdsong.errors import DatasetError
from birdsong.learning.evaluation.selective import (
    PROMISES,
    at_equal_accuracy,
    cross_fit_rules,
    measure_promises,
    selective_results_of_bundle,
)
from birdsong.learning.evaluation.selective_results import answers_by_rank, calibration_by_rank
from birdsong.selective.rules import BY_RANK, RULES, SPECIES_ONLY
from birdsong.taxa.label_space import LabelSpace
from birdsong.taxa.lineage import RANKS
from tests.taxa.trees import species_tree

TAXONOMY, LABELS = species_tree([3, 2, 1, 2, 3, 1, 1, 2])
SPACE = LabelSpace(tuple(LABELS), TAXONOMY)


def heard(n: int, *, n_folds: int = 5, seed: int = 0) -> CalibrationData:
    """Recordings of which two make a session, with logits calibrated at a temperature of 1.5."""
    generator = np.random.default_rng(seed)
    logits = 3 * generator.standard_normal((n, len(LABELS)))
    cumulated = softmax(logits).cumsum(axis=1)
    return CalibrationData(
        logits=(1.5 * logits).astype(np.float32),
        starts_s=np.zeros(n, np.float32),
        signal_level_db=np.zeros(n, np.float32),
        offsets=np.arange(n + 1),
        y_true=(generator.random((n, 1)) > cumulated[:, :-1]).sum(axis=1),
        folds=np.arange(n) // 2 % n_folds,
        recordings=tuple(f"{i}.wav" for i in range(n)),
        sessions=tuple(f"{i // 2}" for i in range(n)),
    )


@pytest.fixture(scope="module")
def results():
    return cross_fit_rules(heard(1500), SPACE, rules=(BY_RANK, SPECIES_ONLY))


def test_every_recording_is_answered_once_by_what_was_fitted_to_others(results, monkeypatch):
    data = heard(1500)
    assert len(results.y_true) == len(results.evaluation_set) == 1500
    by_fold = np.concatenate([data.y_true[data.folds == fold] for fold in range(5)])
    np.testing.assert_array_equal(results.y_true, by_fold)
    from birdsong.learning.evaluation import selective

    fitted, real = [], selective.fit_calibration

    def watched(known, *arguments, **options):
        fitted.append(known)
        return real(known, *arguments, **options)

    monkeypatch.setattr(selective, "fit_calibration", watched)
    cross_fit_rules(data, SPACE)
    for fold, known in enumerate(fitted):
        asked = {data.sessions[i] for i in np.flatnonzero(data.folds == fold)}
        assert asked.isdisjoint(known.sessions)


def test_promises_hold_and_probabilities_are_calibrated(results):
    for promise in PROMISES:
        told = answers_by_rank(results, results.chosen[BY_RANK.name, promise], promise)
        assert all(told[rank]["holds"] in (True, None) for rank in RANKS[1:])
        assert told["species"]["answers"] > (30 if promise < 0.95 else 0)
    for rank, told in calibration_by_rank(results).items():
        assert told["recordings"] == 1500, rank
        assert told["expected_calibration_error"] < 0.05
        assert told["expected_calibration_error"] < 2 * told["perfect"]
        assert abs(told["confidence"] - told["accuracy"]) < 0.03


def test_answers_are_counted_by_rank(results):
    chosen = results.chosen[BY_RANK.name, 0.8]
    told = answers_by_rank(results, chosen, 0.8)
    evaluation_set = results.evaluation_set
    counted = told["class"] + told["none"] + told["answers"]
    assert counted == 1500
    n_right, bits = 0, 0.0
    for rank, right, information in zip(
        chosen, evaluation_set.right, evaluation_set.information, strict=True
    ):
        n_right += bool(rank > 0 and right[rank])
        bits += information[rank] if rank > 0 and right[rank] else 0
    assert told["accuracy"] == pytest.approx(n_right / told["answers"])
    assert told["information"] == pytest.approx(bits / 1500)
    species = told["species"]
    assert species["share"] == species["answers"] / 1500
    assert species["low"] < species["accuracy"] < species["high"]
    nothing = answers_by_rank(results, np.zeros(1500, int), 0.8)
    assert nothing["accuracy"] is nothing["precision"] is nothing["species"]["accuracy"] is None
    assert nothing["information"] == nothing["recall"] == 0


def test_a_rule_for_each_rank_gains_more_than_the_species_alone(results):
    for promise in PROMISES:
        by_rank, species = (
            answers_by_rank(results, results.chosen[rule.name, promise], promise)["information"]
            for rule in (BY_RANK, SPECIES_ONLY)
        )
        assert by_rank > species


def test_a_list_leaves_others_out():
    data = heard(800)
    allowed_mask = np.zeros(len(LABELS), bool)
    allowed_mask[[0, 4, 7, 11]] = True
    results = cross_fit_rules(data, SPACE, allowed_mask=allowed_mask)
    assert len(results.y_true) == np.isin(data.y_true, [0, 4, 7, 11]).sum()
    everywhere = cross_fit_rules(data, SPACE)
    own = np.isin(everywhere.y_true, [0, 4, 7, 11])
    top1 = results.evaluation_set.right[:, -1].mean()
    assert top1 > everywhere.evaluation_set.right[own, -1].mean()


def test_one_network_is_measured_on_folds_drawn_from_the_sessions():
    data = replace(heard(300), folds=np.zeros(300, np.int64))
    measured = measure_promises(data, SPACE, segment_s=3.0, rules=RULES)
    assert measured["recordings"] == 300
    assert set(measured["rules"]) == {rule.name for rule in RULES}
    assert json.loads(json.dumps(measured, allow_nan=False)) == measured


def test_the_first_seconds_are_answered_by_what_whole_recordings_were_fitted_to():
    data = heard(200)
    generator = np.random.default_rng(1)
    long = replace(
        data,
        logits=np.repeat(data.logits, 6, axis=0)
        + generator.normal(0, 2, (1200, len(LABELS))).astype(np.float32),
        starts_s=np.tile(1.5 * np.arange(6), 200).astype(np.float32),
        signal_level_db=np.zeros(1200, np.float32),
        offsets=6 * np.arange(201),
    )
    measured = measure_promises(long, SPACE, segment_s=3.0)
    whole, first = measured["honesty"], measured["first_8_s"]["honesty"]
    assert first["species"]["recordings"] == whole["species"]["recordings"] == 200
    assert first["species"]["confidence"] != whole["species"]["confidence"]
    expected = cross_fit_rules(
        long, SPACE,
        evaluation_data=long.cut(np.full(200, 4)),  # of six segments four end within 8 s
    )  # fmt: skip
    assert first == calibration_by_rank(expected)


def test_a_bundle_is_measured_by_its_own_answers(calibrated_dir):
    bundle = read_bundle(calibrated_dir)
    data = bundle.calibration_data
    results = selective_results_of_bundle(bundle, data)
    assert set(results.chosen) == {(BY_RANK.name, promise) for promise in PROMISES}
    selector = AnswerSelector(bundle)
    for i in range(6):
        own = data.segments[i]
        evidence = bundle.pool(data.logits[own], signal_level_db=data.signal_level_db[own])
        for promise in PROMISES:
            answer = selector.answer(evidence, promise)
            assert RANKS[results.chosen[BY_RANK.name, promise][i]] == answer.rank


def test_a_bundle_that_is_not_calibrated_asks_for_probabilities(bundle_dir, calibrated_dir):
    data = read_bundle(calibrated_dir).calibration_data
    results = selective_results_of_bundle(
        read_bundle(bundle_dir), data, rules=RULES, promises=(0.6,)
    )
    ((name, _),) = results.chosen
    assert name == BY_RANK.name
    paths = results.evaluation_set.paths
    answered = results.chosen[BY_RANK.name, 0.6] > 0
    np.testing.assert_array_equal(answered, paths.probabilities[:, 1] >= 0.6)


def said(promise: float, species: tuple[int, float], order: tuple[int, float], gain: float) -> dict:
    """Answers at two ranks, how many and how accurate."""
    none = {"answers": 0, "accuracy": None}
    ranks = {
        rank: {"answers": n, "accuracy": accuracy}
        for rank, (n, accuracy) in (("species", species), ("order", order))
    }
    return {"promise": promise, "genus": none, "family": none, **ranks, "information": gain}


def test_rules_are_compared_where_they_keep_as_much_at_each_rank():
    rules = {
        BY_RANK.name: [
            said(0.8, (90, 0.85), (80, 0.87), 0.5),
            said(0.9, (40, 0.96), (80, 0.95), 0.3),
            said(0.99, (20, 1.0), (10, 1.0), 0.1),  # too few at every rank
        ],
        "between": [
            said(0.8, (90, 0.5), (90, 0.5), 0.6),
            said(0.9, (50, 0.9), (90, 0.99), 0.35),
        ],
        "surer": [said(0.9, (5, 0.5), (90, 0.97), 0.1)],
        "silent": [said(0.9, (0, 0.0), (3, 1.0), 0.0)],
    }
    assert at_equal_accuracy(rules, 0.9) == {
        "between": {"kept": 0.9, "information": 0.35, "by_rank": pytest.approx(0.4)},
        "surer": {"kept": 0.97, "information": 0.1, "by_rank": None},
    }
    nothing = {**rules, BY_RANK.name: [said(0.9, (0, 0.0), (0, 0.0), 0.0)]}
    assert at_equal_accuracy(nothing, 0.9)["between"]["by_rank"] is None


def test_too_few_sessions():
    data = replace(heard(8), folds=np.zeros(8, np.int64))
    with pytest.raises(DatasetError, match="5 folds were asked for, but the 4 sessions fill 4"):
        cross_fit_rules(data, SPACE)
