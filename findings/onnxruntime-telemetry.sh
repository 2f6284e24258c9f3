#!/usr/bin/env bash
# What does `import onnxruntime` do on Linux beside importing?
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check onnxruntime==1.31.1
cat > "$folder/look.py" <<'PYTHON'
import os
from pathlib import Path

before = len(os.listdir("/proc/self/task"))
import onnxruntime  # noqa: E402

print(len(os.listdir("/proc/self/task")) - before, end=" ")
print(",".join(sorted(path.name for path in Path.home().rglob("*") if path.is_file())) or "-")
PYTHON
# In a home of its own, through a proxy that is not there, so that nothing is sent; CI would silence it.
look() {
    mkdir -p "$folder/$1"
    env -u CI -u XDG_CACHE_HOME -u ORT_DISABLE_TELEMETRY HOME="$folder/$1" OPENBLAS_NUM_THREADS=1 \
        https_proxy=http://127.0.0.1:9 ${2:-} "$folder/venv/bin/python" "$folder/look.py"
}
"$folder/venv/bin/python" -c 'import os; os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime; print("onnxruntime", onnxruntime.__version__)'
as_it_comes=$(look plain)
switched_off=$(look off ORT_DISABLE_TELEMETRY=1)
echo "expected: 0 - (no thread is started, no file is written)"
echo "seen:     $as_it_comes"
echo "with ORT_DISABLE_TELEMETRY=1: $switched_off"
[[ $as_it_comes =~ ^[1-9].*deviceid && $switched_off == "0 -" ]]
