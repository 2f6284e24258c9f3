#!/usr/bin/env bash
# Which sample rates does libsndfile write as FLAC, whose header has 20 bits for the rate?
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6 soundfile==0.14.0
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import os
import sys

import numpy as np
import soundfile

print(f"soundfile {soundfile.__version__}, {soundfile.__libsndfile_version__}")
taken, at_first_write = set(), set()
rates = (65_535, 65_536, 65_540, 88_201, 384_000, 384_002, 655_350, 655_360, 768_000)
for rate in rates:
    path = os.path.join(sys.argv[1], "a.flac")
    try:
        file = soundfile.SoundFile(path, "w", rate, 1, "PCM_16", format="FLAC")
    except soundfile.LibsndfileError as error:
        print(f"{rate:>8} Hz: refused when it is opened: {error.error_string}")
        continue
    try:
        file.write(np.zeros(1000))
        file.close()
        taken.add(rate)
        print(f"{rate:>8} Hz: written, read again at {soundfile.info(path).samplerate} Hz")
    except soundfile.LibsndfileError as error:
        at_first_write.add(rate)
        print(f"{rate:>8} Hz: opened, refused by the first write: {error.error_string}")
print("expected: all are written, since all are below 1,048,575 Hz; or one that is not is refused "
      "when it is opened, with a word of its rate")
print("seen:     above 65,535 Hz only multiples of 10, up to 655,350 Hz; the others below that are "
      "refused by the first write, with a word of a decoder")
sys.exit((taken, at_first_write) != ({65_535, 65_540, 384_000, 655_350}, {65_536, 88_201, 384_002}))
PYTHON
