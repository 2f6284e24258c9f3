"""A thousand labels, and every bird of the world: answered on the whole tree."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdsong.answers.classifier import Classifier, ClassifyConfig
from birdsong.bundle.bundle import Bundle
from birdsong.bundle.bundle_files import read_bundle, write_bundle
from birdsong.sound.mel_filters import mel_filters
from birdsong.sound.spectrogram import SpectrogramConfig
from birdsong.taxa.labels import BACKGROUND, Label
from birdsong.taxa.published_tables import read_taxonomy
from tests.band_means import linear_network
from tests.conftest import RATE_HZ, voice

AVILIST = Path(__file__).resolve().parents[2].parent / "shared" / "taxonomy" / "avilist_2025.csv"
N_BANDS = 64
LEANING = 12.0
"""How much higher than all others the logits are that the network leans to."""


@pytest.mark.parametrize("n_labels", [1000, 11_131])
@pytest.mark.parametrize("taxon", ["Turdus merula", "Turdus", "Procellariiformes"])
def test_the_answer_is_where_the_evidence_is(n_labels, taxon, tmp_path):
    if not AVILIST.is_file():
        pytest.skip("no table of all birds beside the project")
    tree = read_taxonomy(AVILIST)
    species = [each.name for each in tree.nodes if each.rank == "species"]
    kept = [name for name in species if tree.is_ancestor("Turdus", name)]
    kept += [name for name in species if tree.is_ancestor("Procellariiformes", name)]
    kept += [name for name in species if name not in set(kept)][: n_labels - len(kept)]
    weights = np.zeros((N_BANDS + 1, n_labels + 1), np.float32)
    weights[-1, :-1] = [LEANING * (name == taxon or tree.is_ancestor(taxon, name)) for name in kept]
    write_bundle(bundle_of(kept, tree, weights), tmp_path / "bundle")
    soundfile.write(tmp_path / "song.wav", voice("rising", 5.0, 1), RATE_HZ)
    classifier = Classifier(read_bundle(tmp_path / "bundle"))
    prediction = classifier.classify(tmp_path / "song.wav", config=ClassifyConfig(promise=0.8))
    assert prediction.answer.taxon == taxon
    assert prediction.answer.probability > 0.8


def bundle_of(species, tree, weights):
    """A bundle that says the same of every image."""
    config = SpectrogramConfig()
    return Bundle(
        name="world",
        labels=(*(Label(taxon=name, rank="species") for name in species), BACKGROUND),
        taxonomy=tree,
        spectrogram=config,
        filters=mel_filters(config),
        step_s=1.0,
        model_onnx=linear_network(weights),
        sessions=frozenset(),
        provenance={},
    )
