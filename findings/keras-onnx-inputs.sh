#!/usr/bin/env bash
# A Keras network with a Normalization layer, exported to ONNX: how many inputs does it have?
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0 tf2onnx==1.17.0 onnx==1.23.2
TF_CPP_MIN_LOG_LEVEL=3 FOLDER="$folder" "$folder/venv/bin/python" - <<'PYTHON' 2>/dev/null
import os
import sys
from pathlib import Path

import keras
import onnx
import tensorflow as tf

print(f"keras {keras.__version__}, tensorflow {tf.__version__}, onnx {onnx.__version__}")


def inputs_of(layer):
    image = keras.Input((4, 4, 1))
    model = keras.Model(image, keras.layers.Flatten()(layer(image)))
    path = Path(os.environ["FOLDER"]) / "model.onnx"
    signature = [keras.InputSpec(shape=(None, 4, 4, 1), dtype="float32")]
    model.export(path, format="onnx", input_signature=signature, verbose=False)
    return len(onnx.load(path).graph.input)


normalization = keras.layers.Normalization(axis=-1, mean=[1.0], variance=[4.0])
seen = inputs_of(keras.layers.Rescaling(0.5, offset=-0.5)), inputs_of(normalization)
print(f"inputs of the exported network: with Rescaling {seen[0]}, with Normalization {seen[1]}")
print("expected: one, the image: mean and variance are given when the layer is made")
print("seen:     one with Rescaling; with Normalization its mean and deviation are further inputs")
sys.exit(not (seen[0] == 1 and seen[1] > 1))
PYTHON
