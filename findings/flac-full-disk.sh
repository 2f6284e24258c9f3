#!/usr/bin/env bash
# soundfile and a disk that is full: does the writer of a FLAC hear of it, wherever it happens?
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6 soundfile==0.14.0
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import os
import resource
import signal
import sys

import numpy as np
import soundfile

print(f"soundfile {soundfile.__version__}, {soundfile.__libsndfile_version__}")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file over the limit is an error, as on a full disk
samples = 0.1 * np.random.default_rng(0).standard_normal(192_000)
lost = 100  # bytes for which there is no room
seen = {}
for kind in ("WAV", "FLAC"):
    path = os.path.join(sys.argv[1], f"whole.{kind.lower()}")
    soundfile.write(path, samples, 48_000, "PCM_16", format=kind)
    limit = os.path.getsize(path) - lost
    path = os.path.join(sys.argv[1], f"cut.{kind.lower()}")
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        soundfile.write(path, samples, 48_000, "PCM_16", format=kind)
        seen[kind] = "no error"
    except soundfile.LibsndfileError:
        seen[kind] = "an error"
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    frames = soundfile.info(path).frames
    print(f"{kind}: the last {lost} bytes find no room: {seen[kind]}; "
          f"the file then declares {frames} samples of {len(samples)}")
print("expected: an error for both, as the disk's own write calls fail")
print(f"seen:     WAV {seen['WAV']}, FLAC {seen['FLAC']}")
sys.exit(seen != {"WAV": "an error", "FLAC": "no error"})
PYTHON
