#!/usr/bin/env bash
# soundfile reads an MP3 that it wrote: is it the same in one piece and in blocks?
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
RATE = 48_000
time_s = np.arange(8 * RATE) / RATE
samples = 0.3 * np.sin(2 * np.pi * (500 + 150 * time_s) * time_s)  # from 500 Hz up to 2,900 Hz


class Onwards(soundfile.SoundFile):
    """The same file, in which soundfile does not seek after each read."""

    def seekable(self):
        return False


def in_blocks(opener, path, n_samples):
    with opener(path) as file:
        blocks = []
        while len(block := file.read(n_samples)):
            blocks.append(block)
    return np.concatenate(blocks)


right = {}
for kind in ("OGG", "MP3"):
    path = os.path.join(sys.argv[1], f"a.{kind.lower()}")
    soundfile.write(path, samples, RATE, format=kind)
    whole, _ = soundfile.read(path)
    for opener in (soundfile.SoundFile, Onwards):
        for n_samples in (1024, RATE):
            parts = in_blocks(opener, path, n_samples)
            share = np.mean(np.abs(parts - whole) < 0.01)
            level = np.sqrt(np.mean(parts**2) / np.mean(whole**2))
            right[kind, opener.__name__, n_samples] = share
            print(f"{kind}, {opener.__name__}.read({n_samples}): {len(parts)} of {len(whole)} "
                  f"samples, {share:.1%} as in one piece, {20 * np.log10(level):+.1f} dB")
print("expected: the same samples, whatever the size of the blocks")
print("seen:     so it is for Ogg Vorbis; of this MP3 most is lost in blocks of 1,024, and some in "
      "blocks of a second, since soundfile seeks to where it stands after each read, and libmpg123 "
      "then lacks the bits that earlier frames hold back for later ones")
changed = [key for key, share in right.items() if key[:2] != ("MP3", "SoundFile") and share < 1]
not_seen = right["MP3", "SoundFile", 1024] > 0.2 or right["MP3", "SoundFile", RATE] > 0.99
sys.exit(bool(changed or not_seen))
PYTHON
