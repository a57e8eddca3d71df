"""What only the lecture computes: one module a subject, for scenes of `app.lecture`.

Rewired blocks and the logit lens are offered here. `inductive_bias`, `patches`, `positions`, `receptive_fields` and
`sentence` are used as modules.
"""

from vit_core.lecture.readout import logit_lens, unit_logits
from vit_core.lecture.rewiring import mean_token_cosine, rewired_parts

__all__ = ["logit_lens", "mean_token_cosine", "rewired_parts", "unit_logits"]
