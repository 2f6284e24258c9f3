"""Species that training never heard: each is left out by one network, and predicted by it."""

from dataclasses import replace

import pytest

from benchmarks import unseen_species
from birdsong.learning.data.pretrained_bundle import read_pretrained
from birdsong.learning.models.pretrained import model_config_of
from birdsong.pipelines.command import main
from birdsong.preprocessing.preprocess import preprocess
from tests.conftest import write_voices

FEW = ("ignotus", "rarus", "ignotus")
RARE = {"Gravis ignotus", "Acutus rarus", "Acutus ignotus"}
KEPT_APART = ("validation", "calibration", "test")


ONCE = ("--epochs", "1", "--no-augmentation")


def trained(images, folder, *words):
    assert main(["train", str(images), "--out", str(folder), *ONCE, *words]) == 0
    return folder / "bundle"


def trained_in_folds(images, folder, *words):
    return trained(images, folder, "--folds", "2", "--min-recordings", "5", *words)


@pytest.mark.parametrize(
    "kinds", [["auxiliary"], ["pretrained"], ["auxiliary", "pretrained"]], ids=" and ".join
)
def test_networks_predict_species_that_they_were_trained_without(
    tmp_path, capsys, monkeypatch, small_network, kinds
):
    images = tmp_path / "images"
    recordings = write_voices(tmp_path, n_each=5)
    few = [
        replace(each, species=species, session="")
        for each, species in zip(write_voices(tmp_path, n_each=1, first_seed=9), FEW, strict=True)
    ]
    beside = replace(write_voices(tmp_path, n_each=1, first_seed=10)[1], species="rarus")
    few.append(replace(beside, session=recordings[0].session))
    preprocess([*recordings, *few], tmp_path, images)
    bundles = []
    if "auxiliary" in kinds:
        bundles.append(trained_in_folds(images, tmp_path / "run", "--auxiliary-classes"))
    if "pretrained" in kinds:
        alone = ("--max-recordings", "2", *(f"--{part}-share=0" for part in KEPT_APART))
        before = trained(images, tmp_path / "before", *alone)
        words = ("--pretrained", str(before))
        bundles.append(trained_in_folds(images, tmp_path / "pretrained", *words))
    bundle = bundles[0]
    if len(bundles) > 1:
        bundle = tmp_path / "joint"
        assert main(["join", *map(str, bundles), "--out", str(bundle)]) == 0
        models = [model_config_of(read_pretrained(each)) for each in (bundle, bundles[0])]
        assert models[0] == models[1]
    capsys.readouterr()

    learned = []
    fit = unseen_species.fit_network
    monkeypatch.setattr(
        unseen_species,
        "fit_network",
        lambda store, dataset, config, folder, **options: (
            learned.append((folder, {row.taxon for row in dataset.full_train.rows} & RARE))
            or fit(store, dataset, config, folder, **options)
        ),
    )
    out = tmp_path / "never"
    words = ["--bundle", str(bundle), "--images", str(images), "--epochs", "1", "--out", str(out)]
    assert unseen_species.main(words) == 0
    of_labels = [folder for folder, _ in learned if folder.name != unseen_species.PRETRAINED]
    assert len(of_labels) == 2 * len(kinds)
    for kind in kinds:
        with_rare = {
            folder.relative_to(out).parts[0]: rare
            for folder, rare in learned
            if (folder.name == unseen_species.PRETRAINED) == (kind == "pretrained") and rare
        }
        assert [len(with_rare[nth]) for nth in ("0", "1")] == [1, 2], "without every second one"
        assert not with_rare["0"] & with_rare["1"]
    told = capsys.readouterr().out
    # What is pretrained learns nothing of a common bird's session.
    n_asked = 4 if kinds == ["auxiliary"] else 3
    assert f"\n{n_asked} recordings of species that were not in training\n" in told
    assert [line.split(":")[0] for line in told.splitlines()[-3:]] == [
        "  promise 80%",
        "  promise 90%",
        "  promise 95%",
    ]
