"""Exports networks: ONNX, int8 quantization, ensembles."""
