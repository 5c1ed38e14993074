"""Write README.md from nbs/index.ipynb, without Quarto: `tools/readme.py`, or `tools/readme.py --check`."""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INDEX, README = ROOT / 'nbs' / 'index.ipynb', ROOT / 'README.md'
HIDDEN = re.compile(r'^#\| *(hide\b|include: *false)', re.M)
OPTION = re.compile(r'^#\|.*\n?', re.M)
# A relative link to a file; nbs/ is one folder below README.md.
LINK = re.compile(r'(\]\()(?!https?:|mailto:|#|/)([^)\s]+)')


def from_root(target):
    "Where a link of a notebook in nbs/ leads, seen from the root"
    return target[3:] if target.startswith('../') else f'nbs/{target}'


def fenced(text, language):
    "`text` in a code fence"
    return f'```{language}\n{text.strip(chr(10))}\n```'


def shown(output):
    "Markdown of one cell output, or None for kinds that a README cannot show"
    if output['output_type'] == 'stream':
        return fenced(''.join(output['text']), 'text')
    data = output.get('data', {})
    if 'text/markdown' in data:
        return ''.join(data['text/markdown'])
    if 'text/plain' in data and not any(k.startswith('image/') for k in data):
        return fenced(''.join(data['text/plain']), 'text')


def blocks(nb):
    "The pieces of the README, in order"
    for cell in nb['cells']:
        source = ''.join(cell['source'])
        if cell['cell_type'] == 'markdown':
            yield LINK.sub(lambda m: m[1] + from_root(m[2]), source.strip())
        if cell['cell_type'] != 'code' or HIDDEN.search(source):
            continue
        code = OPTION.sub('', source).strip()
        if code and not re.search(r'^#\| *echo: *false', source, re.M):
            yield fenced(code, 'python')
        yield from filter(None, map(shown, cell['outputs']))


def made():
    "README.md as index.ipynb asks for it"
    nb = json.loads(INDEX.read_text(encoding='utf-8'))
    return (
        '\n\n'.join(
            [
                *blocks(nb),
                '<!-- Made from nbs/index.ipynb by tools/readme.py: edit the notebook. -->',
            ]
        )
        + '\n'
    )


def write():
    README.write_text(made(), encoding='utf-8')


def problems():
    "What is wrong with README.md as it stands"
    if README.is_file() and README.read_text(encoding='utf-8') == made():
        return []
    return ['README.md is not what nbs/index.ipynb says: edit the notebook, then run make sync']


if __name__ == '__main__':
    if '--check' in sys.argv:
        sys.exit('\n'.join(problems()) or 0)
    write()
