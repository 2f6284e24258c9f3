"""Several exported networks as one, which averages their log probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce

from birdsong.errors import BundleError

IMAGES, LOGITS = "images", "logits"


def ensemble_networks(models_onnx: Sequence[bytes]) -> bytes:
    """Give networks the same images, and average their log probabilities.

    Logarithms are averaged, not probabilities: where one network is sure that a label is wrong, the
    others have to be sure of the contrary.

    Parameters
    ----------
    models_onnx : sequence of bytes
        As `onnx_export.to_onnx` and `int8_quantization.quantize_int8` return them, with the same
        labels.

    Returns
    -------
    bytes
        An ONNX model with the same input and output, whose logits are logarithms of probabilities.

    Raises
    ------
    BundleError
        If they were exported for different versions of ONNX.
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
            f"the networks were exported for different versions of ONNX ({error}); "
            "export them by one version of birdsong"
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
