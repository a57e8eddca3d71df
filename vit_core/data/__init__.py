"""Labelled pictures: class folders, tables, archives and ImageNet, opened by `open_dataset`."""

from vit_core.data.class_names import ClassMatch, class_table, match_classes, suggest_classes
from vit_core.data.dataset import ImageDataset, list_formats
from vit_core.data.discover import open_dataset
from vit_core.data.tables import class_table_text, read_boxes, read_class_table

__all__ = [
    "ClassMatch",
    "ImageDataset",
    "class_table",
    "class_table_text",
    "list_formats",
    "match_classes",
    "open_dataset",
    "read_boxes",
    "read_class_table",
    "suggest_classes",
]
