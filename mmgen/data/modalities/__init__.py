"""The modalities that the core ships: vectors, images, counts, text, tags and labels."""

from .codes import LabelsModality
from .counts import CountsModality
from .image import ImageModality
from .tags import TagsModality
from .text import TextModality
from .vector import VectorModality

__all__ = ["CountsModality", "ImageModality", "LabelsModality", "TagsModality", "TextModality", "VectorModality"]
