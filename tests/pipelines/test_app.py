"""The command that serves the page, without serving it."""

import argparse
import socket

import pytest

from birdsong.errors import BundleError, ConfigError
from birdsong.pipelines import app


def parsed(*words):
    parser = argparse.ArgumentParser()
    app.add_arguments(parser)
    return parser.parse_args(words)


def test_it_serves_this_machine_only_by_default():
    arguments = parsed()
    assert (arguments.address, arguments.port, arguments.bundle) == ("127.0.0.1", 8501, None)


def test_the_page_is_found():
    assert app.page_file().name == "streamlit_script.py"
    assert app.page_file().is_file()


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("127.0.0.1", "http://127.0.0.1:8501"),
        ("0.0.0.0", "http://localhost:8501"),
        ("::1", "http://[::1]:8501"),
        ("bird.local", "http://bird.local:8501"),
    ],
)
def test_the_address_to_open(address, shown):
    assert app.page_address(address, 8501) == shown


def test_streamlit_knows_every_option():
    config = pytest.importorskip("streamlit.config", reason="the app needs Streamlit")
    for option in app.streamlit_options(parsed("--upload-mb", "7")):
        name, _, value = option.removeprefix("--").partition("=")
        assert value
        config.get_option(name)  # raises for one that is none


def test_a_port_in_use_is_a_sentence():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot serve at 127.0.0.1, port {port} .*--port"):
            app.check_port("127.0.0.1", port)
    app.check_port("127.0.0.1", port)


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_a_port_that_cannot_be(port):
    with pytest.raises(ConfigError, match=f"--port must be from 1 to 65535, got {port}"):
        app.check_port("127.0.0.1", port)


def test_an_address_of_another_machine():
    with pytest.raises(ConfigError, match=r"cannot serve at 192\.0\.2\.1"):
        app.check_port("192.0.2.1", 8501)


def test_a_missing_bundle_is_an_error_before_the_server_starts(tmp_path):
    pytest.importorskip("streamlit", reason="the app needs Streamlit")
    with pytest.raises(BundleError, match="absent: is no bundle"):
        app.run(parsed("--bundle", str(tmp_path / "absent")))


def test_streamlit_is_started_with_the_bundle(bundle_dir, monkeypatch, capsys):
    cli = pytest.importorskip("streamlit.web.cli", reason="the app needs Streamlit")
    started = []
    monkeypatch.setattr(cli, "main", lambda words, standalone_mode: started.append(words))
    monkeypatch.setenv("BIRDSONG_BUNDLE", "another")
    port = 1024 + (bundle_dir.stat().st_ino % 50_000)
    assert app.run(parsed("--bundle", str(bundle_dir), "--port", str(port))) == 130
    (words,) = started
    assert words[:2] == ["run", str(app.page_file())]
    assert f"--server.port={port}" in words
    assert "--server.headless=true" in words
    assert app.os.environ["BIRDSONG_BUNDLE"] == str(bundle_dir)
    assert f"open http://127.0.0.1:{port}" in capsys.readouterr().out
