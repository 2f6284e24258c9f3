"""Existing files stay, unless the content is the same or they may be replaced."""

import pytest

from birdsong.errors import DatasetError, OverwriteError
from birdsong.overwrite import check_absent, check_same_content, staged_files
from tests.images.folder_contents import contents


def test_what_is_there_is_named_with_what_to_do(tmp_path):
    paths = [tmp_path / name for name in "abc"]
    check_absent(paths, replace=False)
    for path in paths[1:]:
        path.touch()
    said = (
        r"/b \(and 1 more\): already exists; nothing was changed: name another --json, or add "
        r"--replace to overwrite$"
    )
    with pytest.raises(OverwriteError, match=said):
        check_absent(paths, replace=False, option="--json")
    check_absent(paths, replace=True)


def test_a_link_that_leads_nowhere_is_there(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "absent")
    with pytest.raises(OverwriteError, match="/a: already exists"):
        check_absent([tmp_path / "a"], replace=False)


def test_writing_the_same_content_is_allowed(tmp_path):
    path = tmp_path / "a"
    check_same_content(path, b"one", replace=False)
    path.write_bytes(b"one")
    check_same_content(path, b"one", replace=False)
    check_same_content(path, b"two", replace=True)
    with pytest.raises(OverwriteError, match="/a: already exists with different content"):
        check_same_content(path, b"two", replace=False)
    with pytest.raises(OverwriteError):
        check_same_content(tmp_path, b"two", replace=False)


def write(folder, **files):
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)


def write_new(out, **files):
    with staged_files(out, replace=False) as folder:
        write(folder, **files)


def test_files_come_all_at_once_or_not_at_all(tmp_path):
    out = tmp_path / "out"
    with staged_files(out, replace=False) as folder:
        write(folder, **{"a": "1", "sub/b": "2"})
        assert not (out / "a").exists()
    write(out, mine="kept")
    before = contents(out)
    with staged_files(out, replace=False) as folder:
        write(folder, **{"a": "1", "sub/b": "2"})
    assert contents(out) == before
    with pytest.raises(OverwriteError, match=r"out/sub/b: already exists with"):
        write_new(out, **{"c": "new", "sub/b": "3"})
    assert contents(out) == before
    with staged_files(out, replace=True) as folder:
        write(folder, **{"sub/b": "3"})
    assert contents(out) == before | {"sub/b": b"3"}


def test_an_error_leaves_nothing_behind(tmp_path):
    with pytest.raises(IsADirectoryError):
        write_new(tmp_path / "out", **{"a/b": "1", "a": "2"})
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match="file: cannot be written into"):
        write_new(tmp_path / "file", a="1")
