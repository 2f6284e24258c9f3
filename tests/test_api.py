"""What ``import birdsong`` offers: light, lazy, and one answer for every kind of source."""

import ast
import doctest
import importlib
import io
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

import birdsong
from birdsong.answers.classify_many import MAX_AHEAD
from birdsong.bundle.bundle_files import DEFAULT_BUNDLE
from birdsong.synthetic.species import SPECIES
from birdsong.synthetic.synthesis import render_recording
from tests.conftest import RATE_HZ, voice

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def model(bundle_dir):
    return birdsong.load_model(str(bundle_dir))


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("api") / "rising.wav"
    soundfile.write(path, voice("rising", 5.0, 77), RATE_HZ, "PCM_16")
    return path


def in_a_new_process(code: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return finished.stdout.strip()


def test_the_import_loads_next_to_nothing():
    code = """
import sys
before = set(sys.modules)
import birdsong
dir(birdsong), birdsong.__version__
heavy = {"numpy", "onnxruntime", "keras", "soundfile", "joblib", "pandas"} & set(sys.modules)
print(sorted(heavy), sorted(name for name in set(sys.modules) - before if "birdsong" in name))
"""
    assert in_a_new_process(code) == "[] ['birdsong']"


def test_errors_are_there_without_numpy():
    code = "import sys, birdsong; birdsong.AudioError; print('numpy' in sys.modules)"
    assert in_a_new_process(code) == "False"


def test_every_public_name_is_there_and_documented():
    for name in birdsong.__all__:
        assert getattr(birdsong, name) is not None
        assert name in dir(birdsong)
        assert name == "__version__" or getattr(birdsong, name).__doc__
    tree = ast.parse(Path(birdsong.__file__).read_text(encoding="utf-8"))
    for_checkers = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        for alias in node.names
        if node.module.startswith("birdsong")
    }
    assert for_checkers == birdsong._MODULES
    assert set(birdsong.__all__) == {*for_checkers, "load_model", "__version__"}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'birdsong' has no attribute 'Clasifier'"):
        _ = birdsong.Clasifier


def test_the_model_that_ships_is_the_default():
    assert birdsong.load_model().bundle.folder == DEFAULT_BUNDLE
    assert birdsong.read_bundle(str(DEFAULT_BUNDLE)).name == birdsong.load_model().bundle.name


def test_no_bundle_is_a_bundle_error(tmp_path):
    with pytest.raises(birdsong.BundleError, match="bundle"):
        birdsong.load_model(tmp_path)


def test_every_kind_of_source_gives_the_same_prediction(model, recording):
    expected = model.classify(recording, name="a")
    assert expected.status == "ok"
    assert expected.top[0].taxon == "Acutus surgens"
    samples, rate_hz = soundfile.read(recording, dtype="int16")
    content = recording.read_bytes()
    for source in (str(recording), content, bytearray(content), io.BytesIO(content)):
        assert model.classify(source, name="a") == expected
    with recording.open("rb") as file:
        assert model.classify(file, name="a") == expected
    whole = samples.astype(np.int32) << 16
    for array in (samples, samples[:, np.newaxis], whole, whole.astype(">i4")):
        assert model.classify(array, sample_rate_hz=rate_hz, name="a") == expected
    for dtype in (np.float32, np.float64):
        array = (samples / 32_768).astype(dtype)
        assert model.classify(array, sample_rate_hz=rate_hz, name="a") == expected


def test_several_channels_are_those_of_the_file(model, recording, tmp_path):
    song, rate_hz = soundfile.read(recording, dtype="int16")
    both = np.stack([song, -song], axis=1)
    soundfile.write(tmp_path / "both.wav", both, rate_hz, "PCM_16")
    found = model.classify(both, sample_rate_hz=rate_hz, name="a")
    assert found.channel == "channel 1 of 2"
    assert found == model.classify(tmp_path / "both.wav", name="a")


def test_an_open_file_is_read_from_its_place_and_left_open(model, recording):
    file = io.BytesIO(b"a header of another program" + recording.read_bytes())
    file.seek(27)
    assert model.classify(file, name="a") == model.classify(recording, name="a")
    assert not file.closed
    assert "is empty" in model.classify(file).error  # it stands at its end


def test_names_are_those_of_the_paths(model, recording):
    with recording.open("rb") as file:
        assert model.classify(file).recording == str(recording)
    assert model.classify(str(recording)).recording == str(recording)
    assert model.classify(recording.read_bytes()).recording == "recording"
    silence = np.zeros(RATE_HZ)
    assert model.classify(silence, sample_rate_hz=RATE_HZ).recording == "recording"


@pytest.mark.parametrize(
    ("source", "rate_hz", "error", "message"),
    [
        (np.zeros(9), None, birdsong.ConfigError, "samples need their rate: pass it"),
        ("a.wav", 24_000, birdsong.ConfigError, "samples alone, got 24000 with str"),
        (b"RIFF", 24_000, birdsong.ConfigError, "samples alone, got 24000 with bytes"),
        ([0.0, 0.1], None, TypeError, "an open binary file or a numpy array .*, got list"),
        (None, None, TypeError, "must be a path, bytes, .*, got NoneType"),
        (io.StringIO("text"), None, TypeError, "open in binary mode, .*, got str from its read"),
        (np.zeros(9, bool), 24_000, TypeError, "floating point .* or integers, got .* bool"),
        (np.zeros((1, 1, 1)), 24_000, birdsong.ConfigError, r"got \(1, 1, 1\)"),
    ],
)
def test_wrong_use_is_an_error_in_one_sentence(model, source, rate_hz, error, message):
    with pytest.raises(error, match=message) as raised:
        model.classify(source, sample_rate_hz=rate_hz)
    assert "\n" not in str(raised.value)


def test_a_closed_file_is_a_failed_prediction(model):
    file = io.BytesIO(b"")
    file.close()
    assert "cannot be read (I/O operation on closed file" in model.classify(file).error


def sources_with_bad_ones(recording: Path, folder: Path) -> list[object]:
    (folder / "letter.wav").write_bytes(b"a letter " * 100)
    samples, _ = soundfile.read(recording, dtype="float32")
    return [
        recording, folder / "letter.wav", str(recording), 7, io.BytesIO(recording.read_bytes()),
        samples, io.StringIO("text"), np.zeros(9, bool), folder / "missing.wav",
        recording.read_bytes(),
    ]  # fmt: skip


def check_many(model, recording, folder, jobs):
    sources = sources_with_bad_ones(recording, folder)
    found = list(model.classify_many(iter(sources), jobs=jobs, sample_rate_hz=RATE_HZ))
    expected = model.classify(recording, name="a")
    is_bad = [False, True, False, True, False, False, True, True, True, False]
    assert [each.status == "failed" for each in found] == is_bad
    assert all(replace(each, recording="a") == expected for each in found if not each.error)
    assert "letter.wav: not audio" in found[1].error
    assert "must be a path, bytes" in found[3].error
    assert "missing.wav: no such file" in found[8].error


@pytest.mark.parametrize("jobs", [1, 2])
def test_many_come_in_order_and_a_bad_one_stops_nothing(model, recording, tmp_path, jobs):
    check_many(model, recording, tmp_path, jobs)


def test_a_bundle_in_memory_works_with_threads(model, recording, tmp_path):
    in_memory = birdsong.Classifier(replace(model.bundle))  # which has no folder
    check_many(in_memory, recording, tmp_path, 2)


@pytest.mark.parametrize("jobs", [1, 2])
def test_only_a_few_sources_are_taken_ahead(model, recording, jobs):
    in_memory = birdsong.Classifier(replace(model.bundle))  # which has no folder
    n_taken = 0

    def sources():
        nonlocal n_taken
        while True:
            n_taken += 1
            yield recording

    predictions = in_memory.classify_many(sources(), jobs=jobs)
    assert n_taken == 0
    for n_given in range(1, 4):
        next(predictions)
        time.sleep(0.2)  # whoever goes on unasked would do so now
        assert n_taken <= n_given + MAX_AHEAD * jobs
    predictions.close()


def test_an_error_of_the_iterable_itself_is_raised(model, recording):
    def sources():
        yield recording
        raise RuntimeError("the list broke")

    in_memory = birdsong.Classifier(replace(model.bundle))
    predictions = in_memory.classify_many(sources(), jobs=2)
    with pytest.raises(RuntimeError, match="the list broke"):
        list(predictions)


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_process_that_dies_fails_its_recording_alone(bundle_dir, recording, tmp_path):
    """A decoder that crashes takes its process with it, and no other recording."""
    code = """
import os, signal
from birdsong.answers.classifier import Classifier

class Crashing(Classifier):
    def classify(self, source, **options):
        if options["name"].endswith("crash.wav"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().classify(source, **options)
"""
    (tmp_path / "crashing.py").write_text(code)
    driver = f"""
from crashing import Crashing
model = Crashing.load({str(bundle_dir)!r})
good = {str(recording)!r}
for each in model.classify_many([good, good, "crash.wav", *[good] * 6], jobs=2):
    print(each.status, each.error)
"""
    finished = subprocess.run(
        [sys.executable, "-c", driver], cwd=tmp_path, capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
    )  # fmt: skip
    lines = [line.strip() for line in finished.stdout.splitlines()]
    crashed = "failed crash.wav: its process was killed or ran out of memory"
    assert lines == ["ok", "ok", crashed, *["ok"] * 6]


def test_a_bundle_that_is_gone_is_an_error_and_no_failed_recording(bundle_dir, recording, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(bundle_dir, folder)
    model = birdsong.load_model(folder)
    shutil.rmtree(folder)
    with pytest.raises(birdsong.BundleError, match="bundle"):
        list(model.classify_many([recording] * 3, jobs=2))


@pytest.mark.parametrize(
    ("sources", "options", "error", "message"),
    [
        ("a.wav", {}, TypeError, "must be an iterable, .*, got str; one recording goes"),
        (b"RIFF", {}, TypeError, "got bytes; one recording"),
        (np.zeros((3, 9)), {}, TypeError, "got ndarray; one recording"),
        (io.BytesIO(b""), {}, TypeError, "got BytesIO; one recording"),
        (Path("a.wav"), {}, TypeError, "got PosixPath|got WindowsPath"),
        ([], {"jobs": 0}, birdsong.ConfigError, "jobs must be a whole number .*, got 0"),
        ([], {"jobs": 1.5}, birdsong.ConfigError, r"jobs must be a whole number .*, got 1\.5"),
        (
            [], {"config": birdsong.ClassifyConfig(overlap_s=9)},
            birdsong.ConfigError, "overlap_s must be at least 0 and less than a segment",
        ),
        (
            [], {"config": birdsong.ClassifyConfig(only=frozenset())},
            birdsong.TaxonomyError, "list",
        ),
    ],
)  # fmt: skip
def test_wrong_use_of_many_is_an_error_at_once(model, sources, options, error, message):
    with pytest.raises(error, match=message):
        model.classify_many(sources, **options)


@pytest.mark.parametrize(
    "module",
    [
        "birdsong", "birdsong.answers.classifier", "birdsong.answers.prediction",
        "birdsong.sound.waveform",
    ],
)  # fmt: skip
def test_the_examples_of_the_docstrings_run(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0


def test_the_example_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("### From Python\n")[2].partition("\n#")[0]
    (block,) = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    bird = render_recording(SPECIES[0], individual=0)
    (tmp_path / "audio").mkdir()
    soundfile.write(tmp_path / "audio" / "XC757619.ogg", bird.samples, bird.sample_rate_hz)
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("ok ")
    assert lines[2].startswith("failed missing.wav: no such file")
