"""How faithful attribution methods are over a data set: a row for each picture and method, and their summary."""

from vit_core.evaluation.faithfulness.measure import COLUMNS, measure_faithfulness, spread_sample
from vit_core.evaluation.faithfulness.summary import MethodSummary, summarise

__all__ = [
    "COLUMNS",
    "MethodSummary",
    "measure_faithfulness",
    "spread_sample",
    "summarise",
]
