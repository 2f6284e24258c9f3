#!/usr/bin/env bash
# Two Ogg files joined with `cat` are one legal Ogg file (RFC 3533, chaining): who reads all of it?
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    numpy==2.4.6 soundfile==0.14.0 av==18.1.0
"$folder/venv/bin/python" - <<'PYTHON'
import io
import sys

import av
import numpy as np
import soundfile

print(f"soundfile {soundfile.__version__}, {soundfile.__libsndfile_version__}; "
      f"av {av.__version__}, FFmpeg {av.ffmpeg_version_info}")


def ogg(codec, rate, seconds):
    samples = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(rate * seconds) / rate)
    content = io.BytesIO()
    soundfile.write(content, samples, rate, codec, format="OGG")
    return content.getvalue()


def by_soundfile(content):
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        stated = file.frames / file.samplerate
        return stated, len(file.read()) / file.samplerate, ""


def by_ffmpeg(content):
    seconds, error = 0.0, ""
    with av.open(io.BytesIO(content)) as file:
        stated = file.duration / 1e6
        try:
            for frame in file.decode(audio=0):
                seconds += frame.samples / frame.sample_rate
        except av.FFmpegError as caught:
            error = type(caught).__name__
    return stated, seconds, error


seen = {}
for codec, first, second in (
    ("VORBIS", 48_000, 48_000), ("VORBIS", 48_000, 24_000), ("OPUS", 48_000, 24_000)
):
    parts = ogg(codec, first, 3), ogg(codec, second, 2)
    assert parts[0][14:18] != parts[1][14:18]  # serial numbers, which must differ in a chain
    print(f"{codec}, 3 s at {first} Hz and 2 s at {second} Hz:")
    for name, read in (("libsndfile", by_soundfile), ("FFmpeg", by_ffmpeg)):
        stated, seconds, error = read(b"".join(parts))
        seen[codec, second, name] = round(stated), round(seconds), error
        print(f"  {name}: states {stated:.1f} s, reads {seconds:.1f} s{error and ', then ' + error}")
print("expected: 5 s stated and read, or an error")
print("seen:     libsndfile states and reads the first link, without an error; FFmpeg states 1 or "
      "2 s, reads both links, and stops with an error in Vorbis where the rate changes")
sys.exit(seen != {
    ("VORBIS", 48_000, "libsndfile"): (3, 3, ""),
    ("VORBIS", 48_000, "FFmpeg"): (2, 5, ""),
    ("VORBIS", 24_000, "libsndfile"): (3, 3, ""),
    ("VORBIS", 24_000, "FFmpeg"): (1, 3, "PatchWelcomeError"),
    ("OPUS", 24_000, "libsndfile"): (3, 3, ""),
    ("OPUS", 24_000, "FFmpeg"): (2, 5, ""),
})
PYTHON
