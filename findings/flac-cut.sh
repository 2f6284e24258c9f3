#!/usr/bin/env bash
# A FLAC that was cut by a copy that broke off: what does soundfile give of what is there?
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6 soundfile==0.14.0
"$folder/venv/bin/python" - <<'PYTHON'
import io
import sys

import numpy as np
import soundfile

print(f"soundfile {soundfile.__version__}, {soundfile.__libsndfile_version__}")
RATE = 48_000
samples = np.random.default_rng(0).integers(-9000, 9000, 5 * RATE).astype(np.int16) / 2**15
seen = {}
for kind in ("WAV", "FLAC"):
    content = io.BytesIO()
    soundfile.write(content, samples, RATE, "PCM_16", format=kind)
    content = content.getvalue()
    cut = content[: len(content) * 55 // 100]

    with soundfile.SoundFile(io.BytesIO(cut)) as file:
        in_blocks = []
        try:
            while len(block := file.read(RATE)):
                in_blocks.append(block)
            error = "no error"
        except soundfile.LibsndfileError as caught:
            error = caught.error_string
    in_blocks = np.concatenate(in_blocks)
    assert np.array_equal(in_blocks, samples[: len(in_blocks)])

    with soundfile.SoundFile(io.BytesIO(cut)) as file:
        out = np.full(len(samples), np.nan)
        try:
            file.read(out=out)
        except soundfile.LibsndfileError:
            pass
    in_out = int(np.isfinite(out).sum())
    assert np.array_equal(out[:in_out], samples[:in_out])

    seen[kind] = len(in_blocks), in_out, error
    print(f"{kind}, cut at 55 %: read({RATE}) again and again gives {len(in_blocks)} samples, then: "
          f"{error}; read(out=...) leaves {in_out} right samples in the array")
print("expected: the samples before the cut, whatever the size of the blocks, and then the error")
print("seen:     all of them for WAV; for FLAC read(n) gives nothing of the block with the cut, and "
      "read(out=...) has them in its array though it raises the same error")
blocks, whole, error = seen["FLAC"]
sys.exit(not (
    seen["WAV"][0] == seen["WAV"][1] and seen["WAV"][2] == "no error"
    and blocks == 2 * RATE and 2.7 * RATE < whole < 2.75 * RATE and "sync" in error
))
PYTHON
