"""A recipe of two trainings: first the species with few recordings, then the labels."""

import json
import shutil
from dataclasses import replace
from itertools import cycle

from benchmarks import recipes
from birdsong.bundle.bundle_files import read_bundle
from birdsong.recordings.manifest import write_manifest
from birdsong.synthetic.files import write_noises

NAME = "others first, auxiliary"


def test_rare_species_are_learned_once_and_every_fold_goes_on_from_them(
    voices, tmp_path, small_network, monkeypatch
):
    monkeypatch.setitem(recipes.RECIPES, NAME, replace(recipes.RECIPES[NAME], first_epochs=1))
    audio = shutil.copytree(voices[0], tmp_path / "audio")
    thin = cycle(["altus", "celsus"])  # 4 recordings each of what were 8
    birds = [replace(r, species=next(thin)) if r.species == "summus" else r for r in voices[1]]
    manifest, table, work = tmp_path / "m.csv", tmp_path / "recipes.csv", tmp_path / "w"
    write_manifest(manifest, [*birds, *write_noises(audio, n=6)])  # other sounds are mixed in
    words = [NAME, "--manifest", str(manifest), "--audio", str(audio), "--table", str(table)]
    words += ["--work", str(work), "--epochs", "1", "--folds"]
    assert recipes.main([*words, "0"]) == 0

    (first,) = work.glob("*others-1/bundle")
    bundle = read_bundle(first)
    assert [label.taxon for label in bundle.bird_labels] == ["Acutus altus", "Acutus celsus"]
    learned = json.loads((recipes.run_folder(work, NAME, 0, 1) / "run.json").read_text())
    assert learned["began_with"] == bundle.fingerprint
    line = recipes.read_table(table)[NAME, 0, 1]
    assert 3 <= int(line["recordings"]) <= 4, "a fifth of the sixteen"

    before = (first / "bundle.json").stat().st_mtime_ns
    assert recipes.main([*words, "1"]) == 0
    assert (first / "bundle.json").stat().st_mtime_ns == before
    assert set(recipes.read_table(table)) == {(NAME, 0, 1), (NAME, 1, 1)}
