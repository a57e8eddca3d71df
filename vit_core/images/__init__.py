"""Pictures: reading files, preparing them for a model, and mapping patches back to picture coordinates."""

from vit_core.images.decode import FORMATS, MAX_FILE_BYTES, check_file_size, missing_image, read_image
from vit_core.images.draw import DIVERGING, VIRIDIS, colour_map, overlay, thumbnail, tile
from vit_core.images.formats import format_name
from vit_core.images.framing import FRAMINGS, MAX_SIDE, reframed, transform_of
from vit_core.images.geometry import Crop, crop_to_patches, grid_to_picture, patch_box
from vit_core.images.preprocess import CROP_MODES, CROP_ROUNDINGS, INTERPOLATIONS, Preprocess, WholePicture

__all__ = [
    "CROP_MODES",
    "CROP_ROUNDINGS",
    "DIVERGING",
    "FORMATS",
    "FRAMINGS",
    "INTERPOLATIONS",
    "MAX_FILE_BYTES",
    "MAX_SIDE",
    "VIRIDIS",
    "Crop",
    "Preprocess",
    "WholePicture",
    "check_file_size",
    "colour_map",
    "crop_to_patches",
    "format_name",
    "grid_to_picture",
    "missing_image",
    "overlay",
    "patch_box",
    "read_image",
    "reframed",
    "thumbnail",
    "tile",
    "transform_of",
]

read = read_image  # scripts outside this package use this name
