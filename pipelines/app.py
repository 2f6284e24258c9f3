"""``birdsong app``: serve the web app that classifies uploaded recordings."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the stage."""
    parser.add_argument(
        "--bundle",
        type=Path,
        default=None,
        help="model, as in RUN/bundle; the shipped model by default",
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
        help="manifest that names the species of the examples",
    )
    parser.add_argument(
        "--images",
        type=Path,
        default=None,
        help="folder of spectrogram images to show on a second page",
    )
    parser.add_argument(
        "--run", type=Path, default=None, help="run folder of a training; the app shows its curves"
    )
    parser.add_argument(
        "--upload-mb",
        type=int,
        default=500,
        metavar="MB",
        help="largest recording that the app accepts",
    )
    parser.add_argument("--port", type=int, default=8501, help="port of the web server")
    parser.add_argument(
        "--address",
        default="127.0.0.1",
        help="network address of the web server; the default serves only this "
        "machine, 0.0.0.0 the whole network",
    )


def run(arguments: argparse.Namespace) -> int:
    """Check the bundle and the port, then serve the app until Ctrl-C."""
    from streamlit.web import cli

    from birdsong.answers.classifier import Classifier
    from birdsong.bundle.bundle_files import DEFAULT_BUNDLE

    from .command import EXIT_INTERRUPTED
    from .validators import check_minimum

    bundle = (arguments.bundle or DEFAULT_BUNDLE).absolute()
    Classifier.load(bundle)  # report a broken bundle here, not in the browser
    check_port(arguments.address, arguments.port)
    check_minimum("--upload-mb", arguments.upload_mb)
    options = {name: getattr(arguments, name) for name in ("audio", "manifest", "images", "run")}
    os.environ |= {  # the app reads them in its module `settings`
        f"BIRDSONG_{name.upper()}": str(path.absolute())
        for name, path in {"bundle": bundle, **options}.items()
        if path is not None
    }
    print(f"birdsong app: open {page_address(arguments.address, arguments.port)}")
    print("Press Ctrl-C to stop.", flush=True)
    cli.main(
        ["run", str(page_file()), *streamlit_options(arguments)],
        standalone_mode=False,
    )
    # Streamlit handles Ctrl-C itself and returns once its sessions have ended.
    return EXIT_INTERRUPTED


def streamlit_options(arguments: argparse.Namespace) -> list[str]:
    """Return Streamlit's options: no prompts on the terminal, no usage statistics."""
    settings = {
        "server.headless": "true",  # does not ask for an e-mail address or open a browser
        "server.address": arguments.address,
        "server.port": arguments.port,
        "server.maxUploadSize": arguments.upload_mb,
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "theme.light.primaryColor": "#0072b2",
        "theme.dark.primaryColor": "#56b4e9",
        "client.toolbarMode": "minimal",  # hides 'Deploy' and the developer menu
        "client.showErrorDetails": "none",  # tracebacks go to the terminal
        "logger.hideWelcomeMessage": "true",
    }
    return [f"--{name}={value}" for name, value in settings.items()]


def page_file() -> Path:
    """Return the path of the script that Streamlit runs."""
    from importlib.util import find_spec

    spec = find_spec("birdsong.app")
    if spec is None or spec.origin is None:
        raise ImportError("this installation of birdsong has no app", name="birdsong.app")
    return Path(spec.origin).with_name("streamlit_script.py")


def page_address(address: str, port: int) -> str:
    """Return the URL to open in a browser."""
    host = "localhost" if address in ("", "0.0.0.0", "::") else address
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def check_port(address: str, port: int) -> None:
    """Check that a server can listen at an address and port.

    Raises
    ------
    ConfigError
        If the port is in use, or the address does not belong to this machine.
    """
    from birdsong.errors import ConfigError

    if not 1 <= port <= 65_535:
        raise ConfigError(f"--port must be from 1 to 65535, got {port}")
    try:
        family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Without it, a port is in use for a while after its server has ended.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        raise ConfigError(
            f"cannot serve at {address}, port {port} ({error.strerror or error}); "
            "name another port, as in --port 8502"
        ) from error


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["app", *sys.argv[1:]]))
