"""Draw the idea of medxfer for README and site: `tools/picture.py` writes nbs/images/idea.svg; `--check` compares.

Plain SVG, so that every machine draws the same bytes. Fields differ by pattern too: it is readable without colour.
"""

import sys
from html import escape
from pathlib import Path

PICTURE = Path(__file__).resolve().parent.parent / 'nbs' / 'images' / 'idea.svg'
WIDTH, ROW, BAR = 470, 84, 24
OWN = 146  # pixels for the tokens of the task itself; the two other tasks have twice as many
TITLE = 'Four ways to spend tokens, and the three differences between them'
DESCRIPTION = (
    "The strategy spends tokens on the task itself and on other tasks. st-total spends as many tokens on the task's "
    'own data. st-own spends only the own tokens. The placebo spends the tokens as the strategy does, with the labels of '
    'the other tasks shuffled.'
)
# name, its fields as (pattern, pixels), the letter of its contrast, the question
ROWS = (
    ('the strategy', [('own', OWN), ('other', 2 * OWN)], '', 'one model, all tasks'),
    ('st-total', [('own', OWN)] * 3, 'E', 'as many tokens, all its own: is other data worth more?'),
    ('st-own', [('own', OWN)], 'A', 'its own tokens only: does adding tasks help at all?'),
    (
        'placebo',
        [('own', OWN), ('shuffled', 2 * OWN)],
        'C',
        'other labels shuffled: do the labels explain it?',
    ),
)
LEGEND = (('own', "the task's own data"), ('other', 'other tasks'), ('shuffled', 'labels shuffled'))
PATTERNS = """<defs>
<pattern id="own" width="8" height="8" patternUnits="userSpaceOnUse"><rect width="8" height="8" fill="#17324d"/></pattern>
<pattern id="other" width="8" height="8" patternUnits="userSpaceOnUse"><rect width="8" height="8" fill="#f2c14e"/>
<path d="M-2 2 L2 -2 M0 8 L8 0 M6 10 L10 6" stroke="#8a5a00" stroke-width="1.2"/></pattern>
<pattern id="shuffled" width="8" height="8" patternUnits="userSpaceOnUse"><rect width="8" height="8" fill="#ffffff"/>
<circle cx="2" cy="2" r="1.4" fill="#555"/><circle cx="6" cy="6" r="1.4" fill="#555"/></pattern>
</defs>"""


def text(x, y, words, weight='normal', size=15, fill='#1d2b38'):
    return f'<text x="{x}" y="{y}" font-weight="{weight}" font-size="{size}" fill="{fill}">{escape(words)}</text>'


def field(x, y, width, pattern, height=BAR):
    box = f'<rect x="{x}" y="{y}" width="{width}" height="{height}"'
    return f'{box} fill="url(#{pattern})" stroke="#ffffff" stroke-width="2"/>' + (
        f'{box} fill="none" stroke="#17324d" stroke-width="1"/>'
    )


def row(y, name, fields, letter, question):
    "The lines of one arm: its name and question, and its tokens"
    yield text(16, y + 16, name, 'bold')
    if letter:
        yield text(150, y + 16, f'{letter} = strategy − {name}')
    x = 16
    for pattern, width in fields:
        yield field(x, y + 26, width, pattern)
        x += width
    yield text(16, y + 66, question, size=14, fill='#4a5a68')


def legend(y):
    x = 16
    for pattern, words in LEGEND:
        yield field(x, y, 22, pattern, 16)
        yield text(x + 27, y + 13, words, size=13)
        x += 46 + 6.8 * len(words)


def drawn():
    "The picture as text"
    height = len(ROWS) * ROW + 46
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img" '
        f'aria-labelledby="idea-title idea-text" font-family="Helvetica, Arial, sans-serif">',
        f'<title id="idea-title">{escape(TITLE)}</title><desc id="idea-text">{escape(DESCRIPTION)}</desc>',
        PATTERNS,
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>',
    ]
    for i, one in enumerate(ROWS):
        lines += row(12 + i * ROW, *one)
    lines += legend(height - 30)
    return '\n'.join([*lines, '</svg>']) + '\n'


def write():
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(drawn(), encoding='utf-8')


def problems():
    "What is wrong with the picture as it stands"
    if PICTURE.is_file() and PICTURE.read_text(encoding='utf-8') == drawn():
        return []
    return ['nbs/images/idea.svg is not what tools/picture.py draws: run make sync']


if __name__ == '__main__':
    if '--check' in sys.argv:
        sys.exit('\n'.join(problems()) or 0)
    write()
