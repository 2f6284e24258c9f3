"""The scaling of images folded into the first convolution: the same function, two steps less."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from birdsong.learning.export.input_scaling import fold_input_scaling


def small_network(*, pads: list[int] | None = None, scaled_twice: bool = False) -> bytes:
    """Cast, product, sum, reshape and a convolution of 3 x 3, as an export begins."""
    generator = np.random.default_rng(0)
    constants = {
        "scale": np.float32(1 / 127.5),
        "offset": np.float32(-1),
        "shape": np.array([-1, 1, 64, 200]),
        "weights": generator.standard_normal((4, 1, 3, 3)).astype(np.float32),
        "bias": generator.standard_normal(4).astype(np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["images"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["numbers", "scale"], ["product"]),
        helper.make_node("Add", ["product", "offset"], ["sum"]),
        helper.make_node("Reshape", ["sum", "shape"], ["shaped"]),
        helper.make_node(
            "Conv", ["shaped", "weights", "bias"], ["maps"], pads=pads or [0, 0, 0, 0]
        ),
    ]
    if scaled_twice:
        nodes.append(helper.make_node("GlobalAveragePool", ["sum"], ["mean"]))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, [None, 64, 200, 1])],
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", 15)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def maps(model_onnx: bytes) -> np.ndarray:
    images = np.random.default_rng(1).integers(0, 256, (3, 64, 200, 1), np.uint8)
    session = onnxruntime.InferenceSession(model_onnx)
    return session.run(None, {"images": images})[0]


def test_it_is_the_same_function_with_two_steps_less():
    whole = small_network()
    folded = fold_input_scaling(whole)
    steps = [node.op_type for node in onnx.load_from_string(folded).graph.node]
    assert steps == ["Cast", "Reshape", "Conv"]
    np.testing.assert_allclose(maps(folded), maps(whole), atol=1e-5)
    assert fold_input_scaling(folded) == folded


@pytest.mark.parametrize("options", [{"pads": [1, 1, 1, 1]}, {"scaled_twice": True}])
def test_what_would_become_another_function_stays(options):
    whole = small_network(**options)
    assert fold_input_scaling(whole) == whole
