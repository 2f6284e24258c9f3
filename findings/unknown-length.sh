#!/usr/bin/env bash
# A program that writes into a pipe, or whose battery dies, leaves the length in the header unknown
# or 0: what does libsndfile then read?
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6 soundfile==0.14.0
"$folder/venv/bin/python" - <<'PYTHON'
import io
import struct
import sys

import numpy as np
import soundfile

print(f"soundfile {soundfile.__version__}, {soundfile.__libsndfile_version__}")
N_SAMPLES = 8000
samples = np.random.default_rng(0).integers(-9000, 9000, N_SAMPLES).astype(np.int16)


def size_field(kind, content):
    """Where the size of the sound stands, its form, and the value for a length that is unknown."""
    if kind == "AU":
        return 8, ">I", 0xFFFF_FFFF
    if kind == "AIFF":
        return content.index(b"SSND") + 4, ">I", None
    chunk = content.index(b"data")
    return {"WAV": (chunk + 4, "<I", 0xFFFF_FFFF),
            "W64": (chunk + 16, "<Q", None),
            "CAF": (chunk + 4, ">q", -1)}[kind]


def read(content):
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            n_read = len(file.read(N_SAMPLES, "int16"))
            return "all" if n_read == N_SAMPLES else "none" if not n_read else str(n_read)
    except soundfile.LibsndfileError as error:
        print(f"  {error.error_string}")
        return "an error"


seen = {}
for kind in ("WAV", "AU", "CAF", "AIFF", "W64", "FLAC"):
    content = io.BytesIO()
    soundfile.write(content, samples, 8000, "PCM_16", format=kind)
    content = bytearray(content.getvalue())
    if kind == "FLAC":  # 36 bits of STREAMINFO, where 0 stands for unknown (RFC 9639)
        content[21] &= 0xF0
        content[22:26] = bytes(4)
        seen[kind, "unknown"] = read(content)
        print(f"{kind}, unknown: {seen[kind, 'unknown']}")
        continue
    place, form, unknown = size_field(kind, content)
    for name, size in (("unknown", unknown), ("0", 0)):
        if size is not None:
            struct.pack_into(form, content, place, size)
            seen[kind, name] = read(content)
            print(f"{kind}, {name}: {seen[kind, name]}")
print("expected: a length that is stated as unknown is read to the end of the file; 0 is the same "
      "in every format")
print("seen:     unknown is read to the end in WAV and AU, an error in CAF and FLAC; 0 is nothing in "
      "WAV and AU, everything in AIFF and W64, an error in CAF")
sys.exit(seen != {
    ("WAV", "unknown"): "all", ("AU", "unknown"): "all",
    ("CAF", "unknown"): "an error", ("FLAC", "unknown"): "an error",
    ("WAV", "0"): "none", ("AU", "0"): "none",
    ("AIFF", "0"): "all", ("W64", "0"): "all", ("CAF", "0"): "an error",
})
PYTHON
