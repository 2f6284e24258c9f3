"""Folds the scaling of the images into the first convolution of an ONNX network."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np


def fold_input_scaling(model_onnx: bytes) -> bytes:
    """Fold the scaling of the images into the first convolution, which saves a quarter of the time.

    ``conv(a x + b)`` with weights ``w`` and bias ``c`` is ``conv(x)`` with ``a w`` and
    ``c + b sum(w)``, if the convolution does not pad. The two operations that are saved take
    onnxruntime as long as two fire modules, since it does not vectorize them for one channel.

    Parameters
    ----------
    model_onnx : bytes

    Returns
    -------
    bytes
        A network with the same outputs; the same bytes if it does not start with Cast, Mul, Add,
        Reshape and a Conv without padding.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(model_onnx)
    nodes, constants = model.graph.node, {each.name: each for each in model.graph.initializer}
    first = list(nodes[:5])
    if [node.op_type for node in first] != ["Cast", "Mul", "Add", "Reshape", "Conv"]:
        return model_onnx
    cast, product, total, reshape, convolution = first
    links = [node.output[0] for node in first[:4]]
    used = Counter(name for node in nodes for name in node.input)
    if [node.input[0] for node in first[1:]] != links or len(convolution.input) != 3:
        return model_onnx
    needed = [product.input[1], total.input[1], *convolution.input[1:]]
    alone = all(used[name] == 1 for name in [*links, *convolution.input[1:]])
    if not alone or not constants.keys() >= set(needed) or _pads(convolution):
        return model_onnx
    w, c = (numpy_helper.to_array(constants[name]) for name in convolution.input[1:])
    scale, offset = (numpy_helper.to_array(constants[name]) for name in needed[:2])
    if scale.size != 1 or offset.size != 1:
        return model_onnx
    shift = float(offset.item()) * w.sum(axis=(1, 2, 3), dtype=np.float64)
    for name, value in zip(needed[2:], (w * scale.item(), c + shift), strict=True):
        constants[name].CopyFrom(numpy_helper.from_array(value.astype(np.float32), name))
    reshape.input[0] = cast.output[0]
    nodes.remove(product)
    nodes.remove(total)
    folded: bytes = model.SerializeToString()
    return folded


def _pads(convolution: Any) -> bool:
    """Whether a convolution pads its input."""
    attributes = {each.name: each for each in convolution.attribute}
    automatic = attributes["auto_pad"].s if "auto_pad" in attributes else b"NOTSET"
    padded = any(attributes["pads"].ints) if "pads" in attributes else False
    return padded or automatic not in (b"NOTSET", b"VALID")
