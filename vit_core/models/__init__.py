"""Vision Transformers of any size, their parts, and what can be read from their weights alone."""

from vit_core.models.cnn import ConvNet
from vit_core.models.config import VARIANTS, ViTConfig
from vit_core.models.embeddings import embedding_filters, position_similarity
from vit_core.models.parameters import count_by_part, parameter_count, parameters_by_part
from vit_core.models.positions import resize_positions, sinusoidal_positions
from vit_core.models.vit import Block, VisionTransformer, attention_weights

__all__ = [
    "VARIANTS",
    "Block",
    "ConvNet",
    "ViTConfig",
    "VisionTransformer",
    "attention_weights",
    "count_by_part",
    "embedding_filters",
    "parameter_count",
    "parameters_by_part",
    "position_similarity",
    "resize_positions",
    "sinusoidal_positions",
]
