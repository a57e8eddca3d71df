"""Models that are recommended, which models are on this computer, and how one gets there."""

from vit_core.checkpoints.catalogue.check import Checked, check_curated
from vit_core.checkpoints.catalogue.curated import CURATED, LICENCES, Curated, find_curated
from vit_core.checkpoints.catalogue.fetch import download_model
from vit_core.checkpoints.catalogue.on_disk import list_cached, needs_download
from vit_core.checkpoints.catalogue.tables import checked_table, curated_table

__all__ = [
    "CURATED",
    "LICENCES",
    "Checked",
    "Curated",
    "check_curated",
    "checked_table",
    "curated_table",
    "download_model",
    "find_curated",
    "list_cached",
    "needs_download",
]
