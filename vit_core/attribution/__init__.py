"""Which patches matter to a prediction, and what would change it.

Maps: `attribute` runs any of METHODS, which say how much each patch speaks for a class.
`faithfulness` measures a map and `chance_levels` what random maps get; `pointing_game` and `energy_in_box` measure
whether it lies on the object.
Interventions: `intervene` runs the model without some patches, heads or layers; `deletion_curve` erases one patch after
another. Decompositions: `block_steps` and `read_head` take one block and the head apart.
"""

from vit_core.attribution.ablation import FILLS, Change, erase_patches, intervene, interventions
from vit_core.attribution.deletion import DeletionCurve, deletion_curve, most_important
from vit_core.attribution.faithfulness import Faithfulness, chance_level, chance_levels, faithfulness
from vit_core.attribution.forward_steps import BlockSteps, block_steps, mlp_steps, residual_streams
from vit_core.attribution.localisation import (
    Energy,
    energy_in_box,
    mosaic,
    on_object,
    patch_coverage,
    pointing_game,
    quadrant_coverage,
)
from vit_core.attribution.logit_terms import LogitTerms, read_head
from vit_core.attribution.methods import METHODS, RECOMMENDED_METHOD, Attribution, attribute
from vit_core.attribution.methods.backward import head_row, on_grid
from vit_core.attribution.methods.chefer import gradient_rollout, lrp

__all__ = [
    "FILLS",
    "METHODS",
    "RECOMMENDED_METHOD",
    "Attribution",
    "BlockSteps",
    "Change",
    "DeletionCurve",
    "Energy",
    "Faithfulness",
    "LogitTerms",
    "attribute",
    "block_steps",
    "chance_level",
    "chance_levels",
    "deletion_curve",
    "energy_in_box",
    "erase_patches",
    "faithfulness",
    "gradient_rollout",
    "head_row",
    "intervene",
    "interventions",
    "lrp",
    "mlp_steps",
    "mosaic",
    "most_important",
    "on_grid",
    "on_object",
    "patch_coverage",
    "pointing_game",
    "quadrant_coverage",
    "read_head",
    "residual_streams",
]
