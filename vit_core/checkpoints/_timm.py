"""`timm()`, the name under which scripts outside this package ask for the timm package."""

from vit_core.checkpoints.timm_import import import_timm as timm

__all__ = ["timm"]
