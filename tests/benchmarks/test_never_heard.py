"""Species that training never heard: each is left out by one network, and asked about by it."""

from dataclasses import replace

import pytest

from benchmarks import never_heard
from birdsong.images.preprocess import preprocess
from birdsong.pipelines.command import main
from tests.conftest import write_voices

FEW = ("ignotus", "rarus", "ignotus")
RARE = {"Gravis ignotus", "Acutus rarus", "Acutus ignotus"}
KEPT_APART = ("validation", "calibration", "test")


@pytest.mark.parametrize("begun", [False, True], ids=["others", "begun"])
def test_networks_answer_about_what_they_never_heard(
    tmp_path, capsys, monkeypatch, small_network, begun
):
    images, run = tmp_path / "images", tmp_path / "run"
    recordings = write_voices(tmp_path, n_each=5)
    few = [
        replace(each, species=species, session="")
        for each, species in zip(write_voices(tmp_path, n_each=1, first_seed=9), FEW, strict=True)
    ]
    preprocess([*recordings, *few], tmp_path, images)
    heard = ["--others"]
    once = ["--epochs", "1", "--no-augmentation"]
    if begun:
        others = tmp_path / "others"
        alone = ["--max-recordings", "2", *(f"--{part}-share=0" for part in KEPT_APART)]
        assert main(["train", str(images), "--out", str(others), *once, *alone]) == 0
        heard = ["--begin-with", str(others / "bundle")]
    words = ["train", str(images), "--out", str(run), "--folds", "2", *once, *heard]
    assert main([*words, "--min-recordings", "5"]) == 0
    capsys.readouterr()

    learned = []
    fit = never_heard.fit_network
    monkeypatch.setattr(
        never_heard,
        "fit_network",
        lambda store, material, *rest, **options: (
            learned.append({row.taxon for row in material.teaching.rows} & RARE)
            or fit(store, material, *rest, **options)
        ),
    )
    words = ["--bundle", str(run / "bundle"), "--images", str(images), "--epochs", "1"]
    assert never_heard.main([*words, "--out", str(tmp_path / "never")]) == 0
    assert len(learned) == (4 if begun else 2)
    with_others = learned[::2] if begun else learned
    assert [len(each) for each in with_others] == [1, 2], "each without every second species"
    assert not with_others[0] & with_others[1]
    assert not begun or not any(learned[1::2]), "what begins with them learns the labels only"
    out = capsys.readouterr().out
    assert "\n3 recordings of species that training never heard\n" in out
    assert [line.split(":")[0] for line in out.splitlines()[-3:]] == [
        "  promise 80%",
        "  promise 90%",
        "  promise 95%",
    ]
