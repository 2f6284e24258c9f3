"""Combines several ONNX networks into one that averages their log probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce

from birdsong.errors import BundleError

IMAGES, LOGITS = "images", "logits"


def ensemble_networks(models_onnx: Sequence[bytes]) -> bytes:
    """Combine networks into one that averages their log probabilities.

    This is the geometric mean of the probabilities: a label that one network rules out stays
    improbable.

    Parameters
    ----------
    models_onnx : sequence of bytes
        From `onnx_export.to_onnx` or `int8_quantization.quantize_int8`, with the same labels.

    Returns
    -------
    bytes
        An ONNX model with the same input and output; its logits are mean log probabilities.

    Raises
    ------
    BundleError
        If the networks were exported with different versions of ONNX.
    """
    import onnx
    from onnx import compose, helper

    members = [
        compose.add_prefix(onnx.load_from_string(content), f"network{number}/")
        for number, content in enumerate(models_onnx, start=1)
    ]
    try:
        joined = reduce(partial(compose.merge_models, io_map=[]), members)
    except ValueError as error:
        raise BundleError(
            f"the networks were exported with different versions of ONNX ({error}); "
            "export all with the same version of birdsong"
        ) from error
    graph = joined.graph
    inputs, outputs = ([each.name for each in ends] for ends in (graph.input, graph.output))
    logs = [f"{name}/log" for name in outputs]
    shared = [helper.make_node("Identity", [IMAGES], [name]) for name in inputs]
    nodes = [
        *shared,
        *graph.node,
        *(
            helper.make_node("LogSoftmax", [name], [log], axis=-1)
            for name, log in zip(outputs, logs, strict=True)
        ),
        helper.make_node("Mean", logs, [LOGITS]),
    ]
    graph.ClearField("node")
    graph.node.extend(nodes)
    for ends, name in ((graph.input, IMAGES), (graph.output, LOGITS)):
        del ends[1:]
        ends[0].name = name
    onnx.checker.check_model(joined)
    content: bytes = joined.SerializeToString()
    return content
