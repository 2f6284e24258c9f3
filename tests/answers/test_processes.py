"""One classifier for many threads and processes: forked, spawned, pickled."""

import os
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import soundfile

from birdsong.answers import classifier as module
from birdsong.answers.classifier import Classifier, ClassifyConfig
from birdsong.bundle.bundle_files import read_bundle, write_bundle
from birdsong.bundle.onnx_network import Network
from birdsong.errors import BundleError
from tests.conftest import RATE_HZ, voice

LIMIT_S = 60
NEEDS_FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

BEGINS = """
import multiprocessing, os, sys, threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from birdsong.answers.classifier import Classifier

bundle, recording = Path(sys.argv[1]), Path(sys.argv[2])

def ask(_=None):
    return classifier.classify(recording)

def begin():
    global classifier
    classifier = Classifier.load(bundle)

def begin_with(given):
    global classifier
    classifier = given

def ask_given(given):
    return given.classify(recording)
"""

ASSIGNED_ANEW = """
if __name__ == "__main__":
    begin()
    here = ask()
    context = multiprocessing.get_context({method!r})
    with ProcessPoolExecutor(2, mp_context=context, initializer=begin) as pool:
        assert list(pool.map(ask, range(4))) == [here] * 4
    assert ask() == here
"""

GIVEN = """
if __name__ == "__main__":
    begin()
    here = ask()
    context = multiprocessing.get_context({method!r})
    with ProcessPoolExecutor(
        2, mp_context=context, initializer=begin_with, initargs=(classifier,)
    ) as pool:
        assert list(pool.map(ask, range(4))) == [here] * 4
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert pool.submit(ask_given, classifier).result() == here
"""

INHERITED = """
begin()
here = ask()

def child(n_more):
    # Threads ask at once; the process ends as any does, and what it inherited with it.
    pid = os.fork()
    if pid == 0:
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(ask, range(8))) == [here] * 8
        if n_more:
            child(n_more - 1)
        sys.exit(0)
    assert os.waitpid(pid, 0)[1] == 0

child(1)
pool = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork"))
with pool:
    assert list(pool.map(ask, range(4))) == [here] * 4

# A child that asks nothing, and lets go of what it inherited.
pid = os.fork()
if pid == 0:
    del classifier
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0

# One that is forked while a thread holds the lock.
lock = classifier._network._lock
with lock:
    pid = os.fork()
    if pid == 0:
        assert ask() == here
        sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert ask() == here
"""

JOBLIB = """
if __name__ == "__main__":
    from joblib import Parallel, delayed
    begin()
    here = ask()
    for backend in ("loky", "multiprocessing", "threading"):
        jobs = Parallel(2, backend=backend)(
            delayed(classifier.classify)(recording) for _ in range(4)
        )
        assert jobs == [here] * 4
"""


@pytest.fixture(scope="module")
def classifier(bundle_dir):
    return Classifier.load(bundle_dir)


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "rising.wav"
    soundfile.write(path, voice("rising", 7, 900), RATE_HZ)
    return path


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(ASSIGNED_ANEW.format(method="fork"), id="fork", marks=NEEDS_FORK),
        pytest.param(ASSIGNED_ANEW.format(method="forkserver"), id="forkserver", marks=NEEDS_FORK),
        pytest.param(ASSIGNED_ANEW.format(method="spawn"), id="spawn"),
        pytest.param(GIVEN.format(method="fork"), id="given, fork", marks=NEEDS_FORK),
        pytest.param(GIVEN.format(method="spawn"), id="given, spawn"),
        pytest.param(INHERITED, id="inherited", marks=NEEDS_FORK),
        pytest.param(JOBLIB, id="joblib"),
    ],
)
def test_processes_answer_as_one(code, bundle_dir, recording, tmp_path):
    assert_runs(BEGINS + code, bundle_dir, recording, folder=tmp_path)


def assert_runs(code, *arguments, folder):
    """Run a script in a process group of its own, so that nothing is left of one that hangs."""
    (folder / "script.py").write_text(code)
    # What keeps onnxruntime from collecting must be birdsong's doing.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("CI", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")
    }
    with subprocess.Popen(
        [sys.executable, folder / "script.py", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder,
        env=environment | {"HOME": str(folder)}, start_new_session=True,
    ) as running:  # fmt: skip
        try:
            output, _ = running.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, 9) if hasattr(os, "killpg") else running.kill()
            raise
    assert (running.returncode, output) == (0, "")


def test_onnxruntime_collects_nothing(bundle_dir, recording, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    assert_runs(BEGINS + "begin()\nask()", bundle_dir, recording, folder=home)
    assert [path.name for path in home.iterdir()] == ["script.py"]


def test_threads_share_a_classifier(classifier, recording, monkeypatch):
    monkeypatch.setattr(module, "_MAX_SELECTORS", 1)
    taxa = [label.taxon for label in classifier.bundle.bird_labels]
    configs = [None, *(ClassifyConfig(only=frozenset({taxon})) for taxon in taxa)] * 8
    logits_of_recording = classifier.run_inference(recording)

    def ask(config):
        return classifier.choose_answer(logits_of_recording, name="one", config=config)

    alone = [ask(config) for config in configs]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, configs)) == alone


def test_another_thread_may_forget_the_judges_at_any_moment(bundle_dir, recording):
    class Forgetful(dict):
        def __setitem__(self, key, value):
            super().__setitem__(key, value)
            self.clear()

    classifier = Classifier.load(bundle_dir)
    expected = classifier.classify(recording)
    classifier._selectors = Forgetful()
    assert classifier.classify(recording) == expected


def test_a_pickled_classifier_answers_the_same(classifier, recording):
    content = pickle.dumps(classifier)
    assert len(content) < 1000
    again = pickle.loads(content)
    assert again.classify(recording) == classifier.classify(recording)
    assert pickle.loads(content) is again  # one load in a process, however many tasks it gets


def test_the_default_bundle_pickles_without_its_place():
    content = pickle.dumps(Classifier.load())
    assert b"bundles" not in content
    assert pickle.loads(content).bundle.folder == module.DEFAULT_BUNDLE


def test_a_network_pickles(bundle_dir, images):
    import numpy as np

    images = np.random.default_rng(0).integers(0, 256, (3, 64, 200), np.uint8)
    network = Network(read_bundle(bundle_dir))
    again = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(again.logits(images), network.logits(images))


def test_a_bundle_knows_its_folder(bundle_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(bundle_dir.parent)
    bundle = read_bundle(bundle_dir.relative_to(bundle_dir.parent))
    assert bundle.folder == bundle_dir
    assert replace(bundle, name="other").folder is None


def test_a_bundle_without_a_folder_does_not_pickle(classifier):
    made = Classifier(replace(classifier.bundle, name="made"))
    with pytest.raises(BundleError, match=r"bundle 'made': .* made in memory; write it with"):
        pickle.dumps(made)


def test_a_folder_that_changed_is_refused(bundle_dir, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(bundle_dir, folder)
    content = pickle.dumps(Classifier.load(folder))
    bundle = read_bundle(folder)
    labels = tuple(replace(label, english_name="another") for label in bundle.labels)
    write_bundle(replace(bundle, labels=labels), folder)
    with pytest.raises(BundleError, match="changed after its classifier was pickled: expected"):
        pickle.loads(content)
    shutil.rmtree(folder)
    with pytest.raises(BundleError, match="is no bundle, it holds no"):
        pickle.loads(content)
