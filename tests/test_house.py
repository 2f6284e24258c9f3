"""The plan of the house: imports point one way, commands start light, a wheel holds one package."""

import ast
import re
import statistics
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from birdsong.bundle.bundle_files import DEFAULT_BUNDLE
from birdsong.pipelines.command import STAGES

ROOT = Path(__file__).resolve().parents[1]

ABOVE_ALL = {"pipelines", "app"}
MAY_KNOW = {
    # room: the rooms that it may import from, beside itself; or single modules of one
    "": {"answers", "bundle", "errors"},  # birdsong/__init__.py: the public API, loaded when used
    "errors": set(),
    "arrays": set(),
    "audio_formats": set(),
    "atomic": set(),
    "csv_escape": set(),
    "csv_tables": {"errors", "atomic", "csv_escape"},
    "config_options": set(),
    "licences": set(),
    "old_names": set(),
    "folder_lock": {"errors"},
    "overwrite": {"errors"},
    "recordings": {"errors", "arrays", "atomic", "audio_formats", "csv_escape", "licences"},
    "runs": {"errors", "atomic", "folder_lock", "recordings"},
    "sound": {"errors", "arrays", "audio_formats"},
    "taxa": {"errors", "arrays"},
    "selective": {"errors", "arrays", "taxa"},
    "synthetic": {"errors", "arrays", "recordings.recording"},
    "html_page": set(),
    "images": {
        *("errors", "arrays", "atomic", "csv_escape", "old_names", "folder_lock", "html_page"),
        *("csv_tables", "recordings", "runs.receipt", "sound"),
    },
    "loading": {"errors", "arrays", "images", "recordings", "sound"},
    "preprocessing": {
        *("errors", "arrays", "csv_tables", "folder_lock", "overwrite"),
        *("images", "recordings", "runs", "sound"),
    },
    "bundle": {"errors", "arrays", "atomic", "sound", "selective", "taxa"},
    "learning": {
        *("errors", "arrays", "atomic", "csv_escape", "csv_tables", "licences", "old_names"),
        *("config_options", "folder_lock", "overwrite", "html_page"),
        *("images", "loading", "taxa", "bundle", "selective"),
        *("recordings.splits", "sound.grey_levels", "sound.spectrogram"),
    },
    "answers": {
        *("errors", "arrays", "atomic", "bundle", "csv_escape", "overwrite"),
        *("selective", "sound", "taxa"),
    },
}
LEARNING = ("data", "models", "evaluation", "export", "training", "reporting")
"""The sub-rooms of `learning`: each may know those before it, and what the room may know."""
MAY_KNOW |= {
    f"learning.{name}": MAY_KNOW["learning"] | {f"learning.{each}" for each in LEARNING[:i]}
    for i, name in enumerate(LEARNING)
}
ONLY_IN = {"keras": "learning", "tensorflow": "learning", "streamlit": "app"}
OPENS_CONNECTIONS = "birdsong/recordings/connection.py"
NETWORK = ("httpx", "httpcore", "requests", "urllib3", "aiohttp")
STARTS_THE_SERVER = "pipelines/app.py"  # and so knows Streamlit's command
MAX_LINES, MAX_FUNCTION_LINES, MAX_PARAMETERS = 320, 60, 8
HEAVY = (
    "tensorflow", "keras", "librosa", "onnxruntime", "sklearn", "matplotlib", "soundfile", "scipy",
    "joblib", "rich", "pandas", "httpx",
)  # fmt: skip


def modules() -> list[Path]:
    """Every module of the package, by its place in the repository."""
    folders = [ROOT / name for name in ("birdsong", "pipelines", "app")]
    return sorted(path.relative_to(ROOT) for folder in folders for path in folder.rglob("*.py"))


def module_name(path: Path) -> str:
    """The name that a module is imported by: ``birdsong.pipelines.train``."""
    parts = path.with_suffix("").parts
    parts = parts if parts[0] == "birdsong" else ("birdsong", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.Module, path: Path) -> Iterator[tuple[str, bool]]:
    """The modules that a module imports, and whether it does so inside a function."""
    package = module_name(path.with_name("__init__.py")).split(".")
    functions = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    late = {id(node) for function in functions for node in ast.walk(function)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            # What is imported from a package may be one of its modules.
            names = [f"{source}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((name, id(node) in late) for name in names)


def room_of(name: str) -> str:
    """``images`` of ``birdsong.images.store``; ``learning.data`` of ``birdsong.learning.data``."""
    room, _, inner = name.partition(".")[2].partition(".")
    sub_room = inner.partition(".")[0]
    return f"{room}.{sub_room}" if room == "learning" and sub_room in LEARNING else room


def faults(source: str, path: Path) -> list[str]:
    """What a module imports against the plan."""
    room = room_of(module_name(path))
    found = []
    for name, inside_function in imports(ast.parse(source), path):
        top = name.partition(".")[0]
        if top in ABOVE_ALL:
            found.append(f"{name}: must be named birdsong.{name}")
        elif top == "birdsong":
            target = room_of(name)
            if target in {room, "__version__", ""} or (
                room in ABOVE_ALL and target in {*MAY_KNOW, room}
            ):
                continue
            inner = name.removeprefix("birdsong.")
            allowed = MAY_KNOW.get(room, set())
            if not any(inner == each or inner.startswith(f"{each}.") for each in allowed):
                found.append(f"{name}: {room or 'the package itself'} must not know it")
        elif top == "streamlit" and path.as_posix() == STARTS_THE_SERVER:
            continue
        elif top in ONLY_IN and ONLY_IN[top] != room.partition(".")[0]:
            found.append(f"{name}: only {ONLY_IN[top]} may import it")
        elif (top in NETWORK or name == "urllib.request") and path.as_posix() != OPENS_CONNECTIONS:
            found.append(f"{name}: only recordings/connection.py may import it")
        elif top == "librosa" and (
            path.as_posix() != "birdsong/sound/mel_filters.py" or not inside_function
        ):
            found.append(f"{name}: only sound/mel_filters.py may import it, inside a function")
    return found


@pytest.mark.parametrize("path", modules(), ids=Path.as_posix)
def test_imports_point_one_way(path):
    assert faults((ROOT / path).read_text(encoding="utf-8"), path) == []


@pytest.mark.parametrize(
    ("path", "line", "fault"),
    [
        ("birdsong/sound/a.py", "from birdsong.images.store import ImageStore", "sound must not"),
        ("birdsong/sound/a.py", "from ..recordings import manifest", "sound must not know"),
        ("birdsong/taxa/a.py", "import birdsong.bundle.bundle", "taxa must not know"),
        ("birdsong/errors.py", "from birdsong import arrays", "errors must not know"),
        (
            "birdsong/cells.py",
            "from birdsong.errors import AudioError",
            "cells must not know",
        ),
        ("birdsong/answers/a.py", "from birdsong.images.png import read_png", "answers must not"),
        (
            "birdsong/answers/a.py",
            "import birdsong.learning.evaluation.metrics.classification",
            "answers must not know",
        ),
        (
            "birdsong/learning/data/a.py",
            "import birdsong.sound.audio_reader",
            "learning.data must not",
        ),
        (
            "birdsong/learning/data/a.py",
            "from birdsong.learning.training.fit import fit_network",
            "learning.data must not know",
        ),
        (
            "birdsong/learning/export/a.py",
            "from birdsong.learning.reporting import report",
            "learning.export must not know",
        ),
        ("birdsong/learning/a.py", "from birdsong.recordings import manifest", "learning must not"),
        ("birdsong/images/a.py", "from birdsong.pipelines.train import run", "images must not"),
        ("pipelines/a.py", "from birdsong.app import page", "pipelines must not know"),
        ("pipelines/a.py", "from pipelines.train import run", "must be named birdsong.pipelines"),
        ("pipelines/a.py", "def f():\n    import keras", "only learning may import it"),
        ("birdsong/attic/a.py", "from birdsong.errors import AudioError", "attic must not know"),
        ("birdsong/answers/a.py", "import tensorflow as tf", "only learning may import it"),
        ("birdsong/images/a.py", "import streamlit", "only app may import it"),
        ("birdsong/images/a.py", "def f():\n    import librosa", "only sound/mel_filters.py"),
        ("birdsong/sound/mel_filters.py", "import librosa.filters", "inside a function"),
    ],
)
def test_an_import_that_points_back_is_seen(path, line, fault):
    (found,) = faults(line, Path(path))
    assert fault in found


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("birdsong/sound/a.py", "from birdsong.sound.audio_reader import AudioReader"),
        ("birdsong/images/a.py", "from birdsong.images import store"),
        ("birdsong/learning/a.py", "from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE"),
        ("birdsong/learning/models/a.py", "import birdsong, keras"),
        ("birdsong/learning/training/a.py", "from birdsong.learning.data.split import Split"),
        ("birdsong/sound/mel_filters.py", "def f():\n    import librosa"),
        ("pipelines/a.py", "from .command import EXIT_OK\nfrom birdsong.answers import exports"),
    ],
)
def test_an_import_along_the_plan_is_none(path, line):
    assert faults(line, Path(path)) == []


def test_no_clock_that_can_go_back():
    """Durations are told by the monotonic clock; the wall's may be set back at any moment."""
    named = {
        f"{path}: {ast.unparse(node)}"
        for path in modules()
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("time.time", "datetime.now")
    }
    # A server may say by the wall's clock when to come back.
    assert named == {"birdsong/recordings/connection.py: datetime.now"}


RUNS_DATA = {"eval", "exec", "model_from_json", "system", "popen"}
KEEPS_CODE = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}


def what_runs_data(source: str, path: Path) -> list[str]:
    """What would run code that a file brings: loaders of objects, evaluation, shells."""
    tree = ast.parse(source)
    found = [name for name, _ in imports(tree, path) if name.partition(".")[0] in KEEPS_CODE]
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        options = {each.arg: ast.unparse(each.value) for each in call.keywords}
        called = ast.unparse(call.func)
        if called == "np.load" and options.get("allow_pickle") != "False":
            found.append(f"{called} without allow_pickle=False")
        if options.get("shell", "False") != "False":
            found.append(f"{called} with a shell")
        name = called.rpartition(".")[2]
        if name == "load_model" and options.get("safe_mode") != "True":
            found.append(f"{called} without safe_mode=True")
        if name in RUNS_DATA:
            found.append(called)
    return found


@pytest.mark.parametrize("path", modules(), ids=Path.as_posix)
def test_data_runs_no_code(path):
    assert what_runs_data((ROOT / path).read_text(encoding="utf-8"), path) == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from marshal import loads", "np.load(path)", "eval(text)",
        "np.load(path, allow_pickle=True)", "keras.models.load_model(path)", "os.system(text)",
        "subprocess.run(text, shell=True)",
    ],
)  # fmt: skip
def test_what_would_run_data_is_seen(line):
    assert len(what_runs_data(line, Path("birdsong/images/a.py"))) == 1


@pytest.mark.parametrize("path", modules(), ids=Path.as_posix)
def test_every_module_says_what_it_owns(path):
    source = (ROOT / path).read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(source))
    assert docstring
    n_lines = len(source.splitlines())
    assert n_lines <= MAX_LINES, f"{n_lines} lines: split it by concept"


def test_modules_have_the_size_of_a_concept():
    sizes = [
        len((ROOT / path).read_text(encoding="utf-8").splitlines())
        for path in modules()
        if path.name != "__init__.py"
    ]
    assert 120 <= statistics.median(sizes) <= 200


def function_sizes(source: str) -> Iterator[tuple[str, int, int]]:
    """Name, lines of code and parameters of every function; docstrings and comments left out."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        docstring = node.body[0] if ast.get_docstring(node) is not None else None
        numbers = set(range(node.lineno, node.end_lineno + 1))
        if docstring is not None:
            numbers -= set(range(docstring.lineno, docstring.end_lineno + 1))
        code = [lines[i - 1].strip() for i in numbers]
        names = [
            each.arg
            for each in (
                *node.args.posonlyargs, *node.args.args, node.args.vararg,
                *node.args.kwonlyargs, node.args.kwarg,
            )
            if each is not None and each.arg not in ("self", "cls")
        ]  # fmt: skip
        yield node.name, sum(bool(line) and line[0] != "#" for line in code), len(names)


@pytest.mark.parametrize("path", modules(), ids=Path.as_posix)
def test_functions_are_short_and_ask_for_little(path):
    for name, n_lines, n_parameters in function_sizes((ROOT / path).read_text(encoding="utf-8")):
        assert n_lines <= MAX_FUNCTION_LINES, f"{name} has {n_lines} lines of code: split it"
        assert n_parameters <= MAX_PARAMETERS, f"{name} has {n_parameters}: make a config of them"


def test_functions_are_counted_without_what_is_said_of_them():
    source = '''
class A:
    def f(self, a, *b, c=1, **d):
        """Two
        lines."""

        # one comment
        return a
'''
    assert list(function_sizes(source)) == [("f", 2, 4)]


@pytest.mark.parametrize(
    "path", [path for path in modules() if path.parts[0] == "birdsong"], ids=Path.as_posix
)
def test_the_library_does_not_print(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert not [call.lineno for call in calls if isinstance(call, ast.Name) and call.id == "print"]


def run_python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_package_itself_is_light(tmp_path):
    code = f"import sys, birdsong; print([m for m in {('numpy', *HEAVY)} if m in sys.modules])"
    finished = run_python(code, tmp_path)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "[]\n", "")


@pytest.mark.parametrize("stage", STAGES)
def test_help_is_light(stage, tmp_path):
    code = f"""
import sys
import tomllib
from birdsong.pipelines.command import main
try:
    main([{stage!r}, "--help"])
finally:
    print([module for module in {HEAVY} if module in sys.modules], file=sys.stderr)
"""
    finished = run_python(code, tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "[]\n")
    assert finished.stdout.startswith(f"usage: birdsong {stage} ")


def test_the_wheel_holds_one_package(tmp_path):
    source = tmp_path / "source"
    for name in ("birdsong", "pipelines", "app", "tests", "benchmarks"):
        if (ROOT / name).is_dir():
            copytree(ROOT / name, source / name, ignore=ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "data_manifest.csv"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, source],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        info = next(name for name in names if ".dist-info/" in name).partition("/")[0]
        assert {name.partition("/")[0] for name in names} == {"birdsong", info}
        entry_points = archive.read(f"{info}/entry_points.txt").decode()
    assert "birdsong = birdsong.pipelines.command:console" in entry_points
    ours = {path if path.parts[0] == "birdsong" else "birdsong" / path for path in modules()}
    packed = {Path(name) for name in names if name.endswith(".py")}
    assert packed == ours, "neither a room left out nor tests, benchmarks or data in it"
    bundle = {name.rpartition("/")[2] for name in names if "/bundles/default/" in name}
    assert bundle == {path.name for path in DEFAULT_BUNDLE.iterdir()}


def test_every_dependency_is_used_and_named():
    """What the installed package imports is what it asks for, and the other way round."""
    imported_as = {
        "nvidia-ml-py": "pynvml", "pillow": "PIL", "scikit-learn": "sklearn",
    }  # fmt: skip
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"]]
    for extra in ("train", "app", "dask"):
        asked += project["optional-dependencies"][extra]
    names = {re.split(r"[><=\[; ]", each)[0] for each in asked}
    needed = {imported_as.get(name, name) for name in names}
    used = {
        name.partition(".")[0]
        for path in modules()
        for name, _ in imports(ast.parse((ROOT / path).read_text(encoding="utf-8")), path)
    }
    outside = {name for name in used if name not in sys.stdlib_module_names} - {
        "birdsong", "_typeshed",
    }  # fmt: skip
    assert needed - outside == {"tf2onnx"}, "Keras exports by it"
    assert outside - needed == set()
