"""Did a model learn across tasks, or did it just see more data?"""
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .data.load import load_task, write_task
    from .evaluation.metrics import score_task
    from .study.claims import decide
    from .study.open_run import open_run

__version__ = "0.1.0"

_HOME = {'load_task': 'data.load', 'write_task': 'data.load', 'score_task': 'evaluation.metrics', 'decide': 'study.claims',
         'open_run': 'study.open_run'}
__all__ = ['decide', 'load_task', 'open_run', 'score_task', 'write_task']


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'.{_HOME[name]}', __name__), name)
