"""What tests share: the project's own, and those of whoever adds a task, a strategy or a model."""
from .checks import TINY, call_medxfer, file_digests, refused, same_bytes, tiny_study

__all__ = ['TINY', 'call_medxfer', 'file_digests', 'refused', 'same_bytes', 'tiny_study']
