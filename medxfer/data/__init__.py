"""Corpora in and out: what other packages need most, loaded when first used."""
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Candidate, Corpus, MedxferError, Relation, Span, UnifiedSample
    from .load import load_task, write_task

__all__ = ['Candidate', 'Corpus', 'MedxferError', 'Relation', 'Span', 'UnifiedSample', 'load_task', 'write_task']


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    home = '.load' if name in ('load_task', 'write_task') else '.base'
    return getattr(import_module(home, __name__), name)
