"""Run notebooks as `nbdev_test` does, keep their outputs, clean them: `tools/run_nbs.py [--with FLAG] [NOTEBOOK ...]`.

nbdev 2 tests notebooks without saving what they print; the docs need the outputs.
Cells with a flag from `tst_flags` are left as they are, unless `--with slow` or `--with gpu` asks for them. A second run changes nothing but figures that changed.
"""

import argparse
import sys
from pathlib import Path

import matplotlib
from execnb.nbio import write_nb
from execnb.shell import CaptureShell
from fastcore.xtras import working_directory
from nbdev.clean import nbdev_clean
from nbdev.config import get_config
from nbdev.doclinks import nbglob
from nbdev.process import NBProcessor


def skipped(cell, flags):
    "Whether `cell` is not to be run: prose, the export call, `eval: false`, or a flagged cell"
    if cell.cell_type != 'code' or 'nbdev_export(' in cell.source:
        return True
    directives = getattr(cell, 'directives_', None) or {}
    return directives.get('eval:', [''])[0].lower() == 'false' or bool(flags & directives.keys())


def run(path, flags):
    "Run the notebook at `path` in its own folder and write it back with fresh outputs"
    nb = NBProcessor(path, rm_directives=False, process=True).nb
    for cell in nb.cells:
        if not skipped(cell, flags):
            cell.outputs = []  # a cell that says nothing now must not keep what it said before
    matplotlib.rcdefaults()  # the notebook before may have changed what pictures look like
    with working_directory(path.parent):
        CaptureShell(path).run_all(nb, exc_stop=True, preproc=lambda cell: skipped(cell, flags))
    write_nb(nb, path)
    nbdev_clean(str(path))


if __name__ == '__main__':
    cfg = get_config()
    sys.path.insert(0, str(cfg.config_path))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--with', dest='wanted', action='append', default=[], choices=cfg.tst_flags.split()
    )
    parser.add_argument('notebooks', nargs='*')
    args = parser.parse_args()
    for path in args.notebooks or nbglob(as_path=True):
        run(Path(path).absolute(), set(cfg.tst_flags.split()) - set(args.wanted))
        print(path)
