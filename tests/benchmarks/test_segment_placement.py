"""What placing and weighing segments gains: every way measured on what the folds held out."""

import csv

from benchmarks import segment_placement


def test_every_way_is_measured(voices, images, tmp_path, capsys, small_network):
    from birdsong.pipelines.command import main

    folder, recordings = voices
    manifest, run = tmp_path / "manifest.csv", tmp_path / "run"
    with manifest.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        columns = ("file", "order", "family", "genus", "species")
        writer.writerow(columns)
        writer.writerows([getattr(each, name) for name in columns] for each in recordings)
    words = ["train", str(images), "--out", str(run), "--folds", "2", "--epochs", "1"]
    assert main([*words, "--no-augmentation"]) == 0
    capsys.readouterr()
    words = ["--run", str(run), "--images", str(images), "--manifest", str(manifest)]
    assert segment_placement.main([*words, "--audio", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines if ": top1" in line] == [
        f"{place}, {weight}"
        for place in ("regular grid", "around songs")
        for weight in ("equal weights", "weighted by song")
    ]
