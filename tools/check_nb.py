"""Run one notebook as a test and compare what its cells print with what the page shows: `tools/check_nb.py NOTEBOOK`.

Flagged cells (settings.ini: tst_flags) are left out. The text outputs of cells with the directive `#| same` must be the
stored ones, numbers to a thousandth; pictures are not compared, nor what a cell could not run ("not run: …") for want of corpora or a GPU. Give it to cells whose output depends neither on the clock nor on the
processor; with `--mark`, every cell whose output is what its page shows gets it.
"""

import argparse
import copy
import os
import re
import sys
import traceback
from pathlib import Path

from execnb.nbio import read_nb, write_nb
from execnb.shell import CaptureShell
from fastcore.xtras import working_directory
from nbdev.config import get_config
from nbdev.process import NBProcessor
from run_nbs import skipped

SAME = '#| same'
NUMBER = re.compile(r'\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?')
ADDRESS = re.compile(r' at 0x[0-9a-f]+|(?<=/tmp/)tmp\w+')
FIGURE = re.compile(r'<Figure size [^>]*>')


def text_of(outputs):
    "What a cell printed on standard output and displayed as text"
    parts = []
    for output in outputs:
        if output['output_type'] == 'stream':
            parts += output['text'] if output['name'] == 'stdout' else []
        elif output['output_type'] in ('execute_result', 'display_data'):
            parts += [*output['data'].get('text/plain', []), '\n']
    text = FIGURE.sub('', ADDRESS.sub('', ''.join(parts)))
    return '\n'.join(line.rstrip() for line in text.strip().splitlines())


def is_close(left, right):
    "Whether two numbers, as text, agree to a thousandth; whole numbers must be equal"
    if left == right:
        return True
    if '.' not in left + right and 'e' not in left + right:
        return False
    left, right = (float(number.replace(',', '')) for number in (left, right))
    return abs(left - right) <= 1e-3 * max(abs(left), abs(right))


def agrees(stored, fresh):
    "Whether two outputs say the same"
    if NUMBER.sub('0', stored) != NUMBER.sub('0', fresh):
        return False
    pairs = zip(NUMBER.findall(stored), NUMBER.findall(fresh))
    return all(is_close(left, right) for left, right in pairs)


def execute(path, flags):
    "The notebook's cells with their stored and with fresh outputs; exits at the first error"
    nb = NBProcessor(path, rm_directives=False, process=True).nb
    stored = [copy.deepcopy(cell.get('outputs', [])) for cell in nb.cells]
    for cell in nb.cells:
        if not skipped(cell, flags):
            cell.outputs = []
    shell = CaptureShell(path)
    with working_directory(path.parent):
        try:
            shell.run_all(nb, exc_stop=True, preproc=lambda cell: skipped(cell, flags))
        except Exception as error:
            traceback.print_exception(error)
            done = [cell for cell in nb.cells if not skipped(cell, flags)]
            failed = next(
                (c for c in done if any(o['output_type'] == 'error' for o in c.outputs)), None
            )
            sys.exit(
                f'{path.name}, cell {failed["id"] if failed else "?"}: {type(error).__name__}: {error}'
            )
    return nb, stored


def printing_cells(nb, stored, flags):
    "(cell, stored text, fresh text) of every cell that ran and says something, then or now"
    for cell, before in zip(nb.cells, stored):
        if skipped(cell, flags):
            continue
        old, new = text_of(before), text_of(cell.outputs)
        if (old or new) and not new.startswith('not run'):
            yield cell, old, new


def is_marked(cell):
    return SAME in cell.source.split('\n')


def mark(path, ids):
    "Give the cells with these ids the directive"
    nb = read_nb(path)
    for cell in nb.cells:
        if cell['id'] in ids and not is_marked(cell):
            cell.source = f'{SAME}\n{cell.source}'
    write_nb(nb, path)


def shortened(text, most=600):
    return text if len(text) <= most else text[:most] + ' …'


def main(path, marking):
    flags = set(get_config().tst_flags.split())
    nb, stored = execute(path, flags)
    printing = list(printing_cells(nb, stored, flags))
    if marking:
        mark(path, {cell['id'] for cell, old, new in printing if agrees(old, new)})
        return 0
    stale = [(c, old, new) for c, old, new in printing if is_marked(c) and not agrees(old, new)]
    for cell, old, new in stale:
        print(f'{path.name}, cell {cell["id"]}: the page shows\n{shortened(old)}')
        print(f'  but it prints\n{shortened(new)}')
    if stale:
        print('Is it right? Then store it: python tools/run_nbs.py', path.name)
    return 1 if stale else 0


def check_apart(path, said):
    "`main` as a process of its own, what it prints in a file; ends with its exit status"
    os.setsid()  # so that it can be ended with all that it started
    out = os.open(said, os.O_WRONLY)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, out), (2, out)):
        os.dup2(source, target)
    root = str(get_config().config_path)
    os.chdir(root)
    sys.path.insert(0, root)
    sys.stdin = open(0, closefd=False)
    sys.exit(main(path, False))


if __name__ == '__main__':
    sys.path.insert(0, str(get_config().config_path))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--mark', action='store_true')
    parser.add_argument('notebook', type=Path)
    args = parser.parse_args()
    sys.exit(main(args.notebook.absolute(), args.mark))
