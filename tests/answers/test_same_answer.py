"""The same sound gets the same answer in whatever file; its level gets one true word."""

from __future__ import annotations

import pytest

from birdsong.answers.classifier import Classifier
from birdsong.answers.prediction import Prediction
from tests.odd_files import CASES, make
from tests.odd_files.base import OddFile

WITHIN = 0.02
FAMILIES = sorted({name.partition(":")[0] for name in CASES})
LEVEL = ("nearly silent", "digital silence", "clipped")


@pytest.fixture(scope="module")
def classifier():
    return Classifier.load()


@pytest.fixture(scope="module")
def expected(classifier) -> Prediction:
    return classifier.classify(make("wav: honest").content)


def fault(classifier: Classifier, odd: OddFile, expected: Prediction) -> str:
    """How a file is answered otherwise than base; empty where it is not."""
    found = classifier.classify(odd.content, name=f"20240513_043000{odd.suffix}")
    if found.status != "ok":
        return found.error
    top, wanted = found.top[0], expected.top[0]
    faults = []
    if top.taxon != wanted.taxon:
        faults.append(f"{top.taxon}, expected {wanted.taxon}")
    elif abs(top.probability - wanted.probability) > WITHIN:
        faults.append(f"{top.probability:.3f}, expected {wanted.probability:.3f}")
    if abs(found.bird_probability - expected.bird_probability) > WITHIN:
        faults.append(f"a bird at {found.bird_probability:.3f}")
    if found.answer.taxon != expected.answer.taxon:
        faults.append(f"answered {found.answer.taxon}")
    return "; ".join(faults)


def test_base_is_a_bird(expected):
    assert expected.bird_probability > 0.95
    assert expected.top[0].probability > 0.8
    assert expected.answer.rank == "species"
    assert expected.warnings == ()


@pytest.mark.parametrize("name", [name for name in CASES if "beeps of" in name])
def test_a_channel_of_beeps_does_not_take_the_bird_away(name, classifier):
    found = classifier.classify(make(name).content)
    assert found.bird_probability > 0.95
    assert found.channel == "mix"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_sound_gets_the_same_answer(family, classifier, expected):
    cases = [name for name in CASES if name.startswith(f"{family}:")]
    compared, faults = 0, []
    for name in cases:
        odd = make(name)
        if odd.same_answer:
            compared += 1
            if prediction := fault(classifier, odd, expected):
                faults.append(f"{name}: {prediction}")
    assert compared
    assert "\n".join(faults) == ""


@pytest.mark.parametrize("delay", ["0.1 ms", "1 ms", "10 ms"])
def test_a_late_channel_changes_no_name(delay, classifier, expected):
    found = classifier.classify(make(f"channels: {delay} late").content)
    assert found.top[0].taxon == expected.top[0].taxon
    assert found.top[0].probability > 0.85
    assert found.bird_probability > 0.95


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("levels:")])
def test_one_true_word_on_the_level(name, classifier):
    odd = make(name)
    found = classifier.classify(odd.content)
    assert found.status == "ok", found.error
    prediction = [word for word in LEVEL for warning in found.warnings if word in warning]
    zeros = name.startswith("levels: zeros")
    assert len(prediction) <= 1, found.warnings
    assert ("digital silence" in prediction) == zeros, found.warnings
    if name == "levels: dither":
        assert prediction, found.warnings
