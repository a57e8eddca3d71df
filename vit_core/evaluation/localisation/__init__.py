"""Whether attribution maps lie on the object, over a data set: a row for each picture and method, and their summary."""

from vit_core.evaluation.localisation.measure import COLUMNS, measure_localisation
from vit_core.evaluation.localisation.mosaics import Candidate, choose_mosaics
from vit_core.evaluation.localisation.summary import Mean, MethodLocalisation, summarise_localisation

__all__ = [
    "COLUMNS",
    "Candidate",
    "Mean",
    "MethodLocalisation",
    "choose_mosaics",
    "measure_localisation",
    "summarise_localisation",
]
