"""Write the sidebar of _quarto.yml from the notebooks in nbs/: `tools/sidebar.py`, or `tools/sidebar.py --check`.

Readers' sections come first, then the rooms of the source. A folder in a room is a section of that. Notebooks are in the
order of their names, before the folders beside them; those of `START` are in the first section and nowhere else.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
QUARTO = ROOT / '_quarto.yml'
BEGIN, END = '    # sidebar: written by tools/sidebar.py', '    # sidebar: end'
# What a visitor looks for first.
START = (
    'index.ipynb',
    'tutorials/10_first_study.ipynb',
    'reference/40_errors.ipynb',
    'reference/50_what_it_costs.ipynb',
    'reference/60_changelog.ipynb',
    'reference/70_citation.ipynb',
)
# folder: heading
READERS = {
    'tutorials': 'Tutorials',
    'explanations': 'Explanations',
    'analysis': 'Results and analysis',
    'reference': 'Reference',
}
ROOMS = {
    'data': 'Data',
    'models': 'Models',
    'training': 'Training',
    'evaluation': 'Evaluation',
    'quantization': 'Quantization',
    'study': 'Study',
    'report': 'Report',
    'kaggle': 'Kaggle',
    'commands': 'Commands',
    'testing': 'Testing',
    'benchmarks': 'Benchmarks',
}
HEADINGS = READERS | ROOMS


def notebooks():
    "Every notebook, as a path from nbs/"
    found = (p.relative_to(ROOT / 'nbs') for p in (ROOT / 'nbs').rglob('*.ipynb'))
    return sorted(p.as_posix() for p in found if not any(part[0] in '._' for part in p.parts))


def section(folder, paths, depth):
    "The YAML of one folder: its notebooks, then the folders inside it"
    indent = '    ' * depth
    yield f'{indent}  - section: {HEADINGS.get(folder, Path(folder).name.title())}'
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
    missing = sorted(set(START) - set(paths))
    if missing:
        sys.exit(f'tools/sidebar.py: START names {missing[0]}, which is not in nbs/')
    others = [p for p in paths if p not in START]
    yield '      - section: Start'
    yield '        contents:'
    for p in START:
        yield f'          - {p}'
    rooms = list(ROOMS) + sorted({p.split('/')[0] for p in others if '/' in p} - HEADINGS.keys())
    for folder in READERS:
        yield from section(folder, [p for p in others if p.startswith(folder + '/')], 1)
    yield '      - section: Source'
    yield '        contents:'
    for p in others:
        if '/' not in p:
            yield f'          - {p}'
    for folder in rooms:
        inside = [p for p in others if p.startswith(folder + '/')]
        if inside:
            yield from section(folder, inside, 2)


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
