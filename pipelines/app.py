"""``birdsong app``: the page on which recordings are answered, served on this machine."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name what the stage needs to know."""
    parser.add_argument(
        "--bundle", type=Path, default=None, help="as in RUN/bundle; the one that ships by default"
    )
    parser.add_argument(
        "--audio",
        type=Path,
        default=Path("audio"),
        help="folder of recordings to offer as examples",
    )
    parser.add_argument(
        "--manifest",
        type=Path,
        default=Path("data_manifest.csv"),
        help="table that says what the examples are",
    )
    parser.add_argument(
        "--images", type=Path, default=None, help="folder of images to show on a page of its own"
    )
    parser.add_argument(
        "--run", type=Path, default=None, help="run folder of a training to show the curves of"
    )
    parser.add_argument(
        "--upload-mb", type=int, default=500, metavar="MB", help="largest recording that is taken"
    )
    parser.add_argument("--port", type=int, default=8501, help="where the page is served")
    parser.add_argument(
        "--address",
        default="127.0.0.1",
        help="this machine only by default; 0.0.0.0 lets others of the network in",
    )


def run(arguments: argparse.Namespace) -> int:
    """Check the bundle and the port, then serve the page until Ctrl-C."""
    from streamlit.web import cli

    from birdsong.answers.classifier import Classifier
    from birdsong.bundle.bundle import DEFAULT_BUNDLE

    from .command import INTERRUPTED
    from .validators import check_least

    bundle = (arguments.bundle or DEFAULT_BUNDLE).absolute()
    Classifier.load(bundle)  # a broken one is told here, not on the page
    check_port(arguments.address, arguments.port)
    check_least("--upload-mb", arguments.upload_mb)
    shown = {name: getattr(arguments, name) for name in ("audio", "manifest", "images", "run")}
    os.environ |= {  # the page reads them, see its module `named`
        f"BIRDSONG_{name.upper()}": str(path.absolute())
        for name, path in {"bundle": bundle, **shown}.items()
        if path is not None
    }
    print(f"birdsong app: open {page_address(arguments.address, arguments.port)}")
    print("Ctrl-C ends it.", flush=True)
    cli.main(
        ["run", str(page_file()), *streamlit_options(arguments)],
        standalone_mode=False,
    )
    # Streamlit takes Ctrl-C itself and comes back when it has ended its sessions.
    return INTERRUPTED


def streamlit_options(arguments: argparse.Namespace) -> list[str]:
    """Streamlit's settings: no questions on the terminal, no reports, no word to the outside."""
    settings = {
        "server.headless": "true",  # asks for no e-mail address, opens no browser
        "server.address": arguments.address,
        "server.port": arguments.port,
        "server.maxUploadSize": arguments.upload_mb,
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "theme.light.primaryColor": "#0072b2",
        "theme.dark.primaryColor": "#56b4e9",
        "client.toolbarMode": "minimal",  # neither 'Deploy' nor a menu for developers
        "client.showErrorDetails": "none",  # a trace belongs on the terminal
        "logger.hideWelcomeMessage": "true",
    }
    return [f"--{name}={value}" for name, value in settings.items()]


def page_file() -> Path:
    """Return the script that Streamlit runs."""
    from importlib.util import find_spec

    found = find_spec("birdsong.app")
    if found is None or found.origin is None:
        raise ImportError("birdsong is installed without its app", name="birdsong.app")
    return Path(found.origin).with_name("main.py")


def page_address(address: str, port: int) -> str:
    """Return what to type into a browser."""
    host = "localhost" if address in ("", "0.0.0.0", "::") else address
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def check_port(address: str, port: int) -> None:
    """Refuse an address that cannot be listened on, before anything is started.

    Raises
    ------
    ConfigError
        If another program listens there, or the address is none of this machine's.
    """
    from birdsong.errors import ConfigError

    if not 1 <= port <= 65_535:
        raise ConfigError(f"--port must be from 1 to 65535, got {port}")
    try:
        family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            # Else a server that has just ended would count as one that listens.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((address, port))
    except OSError as error:
        raise ConfigError(
            f"cannot serve at {address}, port {port} ({error.strerror or error}); name another "
            "with --port, as in --port 8502"
        ) from error


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["app", *sys.argv[1:]]))
