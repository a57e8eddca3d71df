"""Key tables: how timm and transformers name a ViT's tensors, and the config that names and shapes imply."""
