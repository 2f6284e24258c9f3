#!/usr/bin/env bash
# keras.remat on TensorFlow, called eagerly: is the gradient of a variable that it is given the same?
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PYTHON' 2>/dev/null
import sys

import keras
import tensorflow as tf

print(f"keras {keras.__version__}, tensorflow {tf.__version__}")
weight = keras.Variable(3.0)
x = tf.constant(2.0)


def multiply(x, weight):
    return weight * x


def gradient(function):
    with tf.GradientTape() as tape:
        y = function(x, weight)
    return tape.gradient(y, weight.value)


def of_copy(x, weight):
    return keras.remat(multiply)(x, keras.ops.copy(weight))


remat = keras.remat(multiply)
seen = {
    "without remat": float(gradient(multiply)),
    "remat, compiled": float(tf.function(lambda: gradient(remat))()),
    "remat, eager": float(gradient(remat)),
    "remat of a copy, eager": float(gradient(of_copy)),
}
print("d(3 x)/d3 at x = 2:", ", ".join(f"{name} {value:g}" for name, value in seen.items()))
print("expected: 2, however the function is called: remat changes memory and time alone")
print("seen:     4 where TensorFlow runs eagerly and a variable is an argument; 2 for a copy of it")
sys.exit(list(seen.values()) != [2.0, 2.0, 4.0, 2.0])
PYTHON
