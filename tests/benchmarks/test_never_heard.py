"""Species that training never heard: each is left out by one network, and asked about by it."""

from dataclasses import replace

from benchmarks import never_heard
from birdsong.images.preprocess import preprocess
from birdsong.pipelines.command import main
from tests.conftest import write_voices

FEW = ("ignotus", "rarus", "ignotus")


def test_networks_answer_about_what_they_never_heard(tmp_path, capsys, monkeypatch, small_network):
    images, run = tmp_path / "images", tmp_path / "run"
    recordings = write_voices(tmp_path, n_each=5)
    few = [
        replace(each, species=species, session="")
        for each, species in zip(write_voices(tmp_path, n_each=1, first_seed=9), FEW, strict=True)
    ]
    preprocess([*recordings, *few], tmp_path, images)
    words = ["train", str(images), "--out", str(run), "--folds", "2", "--epochs", "1", "--others"]
    assert main([*words, "--min-recordings", "5", "--no-augmentation"]) == 0
    capsys.readouterr()

    learned = []
    fit = never_heard.fit_network
    monkeypatch.setattr(
        never_heard,
        "fit_network",
        lambda store, material, *rest, **options: (
            learned.append({row.taxon for row in material.others.rows})
            or fit(store, material, *rest, **options)
        ),
    )
    words = ["--bundle", str(run / "bundle"), "--images", str(images), "--epochs", "1"]
    assert never_heard.main([*words, "--out", str(tmp_path / "never")]) == 0
    assert [len(each) for each in learned] == [1, 2], "each network without every second species"
    assert not learned[0] & learned[1]
    out = capsys.readouterr().out
    assert "\n3 recordings of species that training never heard\n" in out
    assert [line.split(":")[0] for line in out.splitlines()[-3:]] == [
        "  promise 80%",
        "  promise 90%",
        "  promise 95%",
    ]
