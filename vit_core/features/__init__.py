"""What patches mean to the model: the features of each layer, which patches they make similar, and their directions.

All functions read a trace that was recorded with `record(model, image, features=True)`, except `outlier_tokens`.
"""

from vit_core.features.cosine_similarity import similarity
from vit_core.features.facets import FACETS, features
from vit_core.features.matching import Matches, matches
from vit_core.features.outliers import outlier_tokens
from vit_core.features.principal_components import PCA, as_rgb, foreground, pca

__all__ = [
    "FACETS",
    "PCA",
    "Matches",
    "as_rgb",
    "features",
    "foreground",
    "matches",
    "outlier_tokens",
    "pca",
    "similarity",
]
