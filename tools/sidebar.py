"""Write the sidebar of _quarto.yml from the notebooks in nbs/: `tools/sidebar.py`, or `tools/sidebar.py --check`.

A folder is a section, a folder in it a section of that; rooms are in the order of `ROOMS`, notebooks in the order of
their names, before the folders beside them.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
QUARTO = ROOT / '_quarto.yml'
BEGIN, END = '    # sidebar: written by tools/sidebar.py', '    # sidebar: end'
# folder: heading
ROOMS = {
    'tutorials': 'Tutorials',
    'data': 'Data',
    'models': 'Models',
    'training': 'Training',
    'evaluation': 'Evaluation',
    'quantization': 'Quantization',
    'study': 'Study',
    'report': 'Report',
    'kaggle': 'Kaggle',
    'testing': 'Testing',
    'analysis': 'Analysis',
    'benchmarks': 'Benchmarks',
}


def notebooks():
    "Every notebook, as a path from nbs/"
    found = (p.relative_to(ROOT / 'nbs') for p in (ROOT / 'nbs').rglob('*.ipynb'))
    return sorted(p.as_posix() for p in found if not any(part[0] in '._' for part in p.parts))


def section(folder, paths, depth):
    "The YAML of one folder: its notebooks, then the folders inside it"
    indent = '    ' * depth
    yield f'{indent}  - section: {ROOMS.get(folder, Path(folder).name.title())}'
    yield f'{indent}    contents:'
    own = [p for p in paths if Path(p).parent.as_posix() == folder]
    inner = sorted(
        {'/'.join(Path(p).parts[: len(Path(folder).parts) + 1]) for p in paths} - set(own)
    )
    for p in own:
        yield f'{indent}      - {p}'
    for name in inner:
        yield from section(name, [p for p in paths if p.startswith(name + '/')], depth + 1)


def lines():
    "The YAML of the sidebar's contents"
    paths = notebooks()
    folders = list(ROOMS) + sorted({p.split('/')[0] for p in paths if '/' in p} - ROOMS.keys())
    yield '      - index.ipynb'
    for p in paths:
        if '/' not in p and p != 'index.ipynb':
            yield f'      - {p}'
    for folder in folders:
        inside = [p for p in paths if p.startswith(folder + '/')]
        if inside:
            yield from section(folder, inside, 1)


def renewed():
    "The whole text of _quarto.yml with a fresh sidebar"
    text = QUARTO.read_text(encoding='utf-8')
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        sys.exit(
            f'_quarto.yml lost the line "{(BEGIN if not begin else END).strip()}": put it back'
        )
    return '\n'.join([head + BEGIN, *lines(), END]) + tail


def write():
    QUARTO.write_text(renewed(), encoding='utf-8')


def problems():
    "What the sidebar in _quarto.yml lacks or has too much"
    if renewed() == QUARTO.read_text(encoding='utf-8'):
        return []
    text = QUARTO.read_text(encoding='utf-8')
    missing = [p for p in notebooks() if f'- {p}\n' not in text]
    why = ', '.join(missing) + ' missing' if missing else 'a notebook is gone or the order changed'
    return [f'_quarto.yml: the sidebar is out of date ({why}): run make sync']


if __name__ == '__main__':
    if '--check' in sys.argv:
        sys.exit('\n'.join(problems()) or 0)
    write()
