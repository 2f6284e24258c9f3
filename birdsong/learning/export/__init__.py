"""From Keras to what answers: ONNX, int8 quantization, ensembles."""
