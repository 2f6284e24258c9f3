"""Several exported networks as one that says the mean of what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from birdsong.errors import BundleError

PICTURES, LOGITS = "pictures", "logits"


def joined_networks(models_onnx: Sequence[bytes]) -> bytes:
    """Let networks look at the same pictures, and take the mean of their log probabilities.

    Means of logarithms, not of probabilities: where one network is sure that it is not a bird, the
    others have to be sure of the contrary. A network that says everything with more contrast than
    the others counts no more than they do where they are calibrated together.

    Parameters
    ----------
    models_onnx : sequence of bytes
        As `onnx_export.to_onnx` and `eight_bits.to_eight_bits` return them, with the same labels.

    Returns
    -------
    bytes
        An ONNX model with the same input and output, whose logits are logarithms of probabilities.

    Raises
    ------
    BundleError
        If they were exported for different versions of ONNX's operators.
    """
    import onnx
    from onnx import compose, helper

    models = [onnx.load_from_string(each) for each in models_onnx]
    versions = [_operators(each) for each in models]
    if any(each != versions[0] for each in versions):
        raise BundleError(
            "the networks were exported for different versions of ONNX's operators, "
            f"{' and '.join(sorted({str(each) for each in versions}))}; export them by one version "
            "of birdsong"
        )
    members = [compose.add_prefix(each, f"network{n}/") for n, each in enumerate(models, 1)]
    joined = onnx.ModelProto()
    joined.CopyFrom(members[0])
    graph = joined.graph
    for field in ("node", "initializer", "value_info", "input", "output"):
        graph.ClearField(field)
    for member in members:
        own = member.graph
        graph.node.append(helper.make_node("Identity", [PICTURES], [own.input[0].name]))
        graph.node.extend(own.node)
        graph.node.append(
            helper.make_node("LogSoftmax", [own.output[0].name], [_log(own)], axis=-1)
        )
        graph.initializer.extend(own.initializer)
        graph.value_info.extend(own.value_info)
    graph.node.append(helper.make_node("Mean", [_log(each.graph) for each in members], [LOGITS]))
    for ends, of_first, name in (
        (graph.input, models[0].graph.input[0], PICTURES),
        (graph.output, models[0].graph.output[0], LOGITS),
    ):
        ends.append(of_first)
        ends[0].name = name
    onnx.checker.check_model(joined)
    content: bytes = joined.SerializeToString()
    return content


def _operators(model: Any) -> dict[str, int]:
    return {each.domain: each.version for each in model.opset_import}


def _log(graph: Any) -> str:
    return f"{graph.output[0].name}/log"
