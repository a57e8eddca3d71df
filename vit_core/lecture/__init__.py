"""What only the lecture computes: one module a subject, for scenes of `app.lecture`.

Rewired blocks, the logit lens and the final vector are offered here. `inductive_bias`, `patches`, `positions`,
`receptive_fields`, `resemblance` and `sentence` are used as modules.
"""

from vit_core.lecture.readout import final_vector, logit_lens, unit_logits, vector_change
from vit_core.lecture.rewiring import mean_token_cosine, rewired_parts

__all__ = ["final_vector", "logit_lens", "mean_token_cosine", "rewired_parts", "unit_logits", "vector_change"]
