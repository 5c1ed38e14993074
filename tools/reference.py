"""Write the reference pages from the code: `tools/reference.py`, or `tools/reference.py --check`.

nbs/reference/10_api.ipynb lists what each module promises (its `__all__`), nbs/reference/20_commands.ipynb every
command with its options and an example that runs whenever the page is tested, nbs/reference/60_changelog.ipynb shows
CHANGELOG.md. Outputs of unchanged cells are kept.
"""

import argparse
import ast
import hashlib
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / 'nbs' / 'reference'
ROOMS = (
    'data models training evaluation quantization study report kaggle testing commands cli'.split()
)
NOT_RUN = 'Not run when this page is tested: it needs a {needs}.'

SET_UP = '''#| hide
from contextlib import ExitStack, chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch
import json
import os
import shlex

from medxfer.cli import main
from medxfer.testing.kaggle_platform import Platform'''

CALL = '''#| hide
stack = ExitStack()
folder = stack.enter_context(TemporaryDirectory())
platform = stack.enter_context(Platform(Path(folder, 'platform'), processing=0.05))


def medxfer(line):
    "Call a command as a shell would, in a folder of its own; Kaggle is the local platform"
    env = platform.env() if line.startswith('kaggle') else os.environ
    with chdir(folder), patch.dict(os.environ, env):
        code = main(shlex.split(line))
    assert code == 0, line


# a notebook to sweep
sources = {
    "lr = 0.1\\nout_dir = ''": ['parameters'],
    "import json, pathlib": [],
    "pathlib.Path(out_dir, 'metrics.json').write_text(json.dumps(dict(lr=lr)))": [],
}
cells = [
    dict(
        cell_type='code',
        id=f'cell-{n}',
        metadata=dict(tags=tags),
        source=source,
        outputs=[],
        execution_count=None,
    )
    for n, (source, tags) in enumerate(sources.items())
]
kernel = dict(name='python3', display_name='python3', language='python')
book = dict(cells=cells, metadata=dict(kernelspec=kernel), nbformat=4, nbformat_minor=5)
Path(folder, 'my.ipynb').write_text(json.dumps(book))'''


def cell(kind, source, key):
    "A notebook cell whose id stays the same while its place in the page does"
    made = dict(
        cell_type=kind,
        id=hashlib.sha256(key.encode()).hexdigest()[:8],
        metadata={},
        source=source.splitlines(keepends=True),
    )
    return made if kind == 'markdown' else made | dict(execution_count=None, outputs=[])


def escape(text):
    "Text for a cell of a Markdown table"
    return text.replace('|', '\\|').replace('\n', ' ')


def module_entries(path):
    "(signature, first line of the docstring) of every public function and class of a module"
    tree = ast.parse(path.read_text(encoding='utf-8'))
    for node in tree.body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith('_'):
            continue
        doc = (ast.get_docstring(node) or '').split('\n')[0]
        if isinstance(node, ast.ClassDef):
            yield f'class {node.name}', doc
        else:
            yield f'{node.name}({parameters(node.args)})', doc


def parameters(args):
    "The names of a function's parameters, with defaults and without types"
    bare = ast.parse(
        ast.unparse(
            ast.FunctionDef(name='f', args=args, body=[ast.Pass()], decorator_list=[], lineno=0)
        )
    )
    for node in ast.walk(bare):
        if isinstance(node, ast.arg):
            node.annotation = None
    return ast.unparse(bare.body[0].args)


def page_of(path):
    "The notebook that exports a module, relative to the reference pages"
    source = re.search(r'File to edit: (\S+?)\.$', path.read_text(encoding='utf-8'), re.M)
    notebook = (path.parent / source[1]).resolve()
    return Path('..') / notebook.relative_to(ROOT / 'nbs')


def api_cells():
    "The cells of the API page"
    yield cell('markdown', API_HEAD, 'head')
    yield cell('code', API_IMPORTS, 'imports')
    yield cell('code', API_HOMES, 'homes')
    yield cell('code', API_CHECK, 'check')
    package = ROOT / 'medxfer'
    for room in ROOMS:
        paths = sorted((package / room).rglob('*.py')) or [package / f'{room}.py']
        modules = [p for p in paths if p.is_file() and p.name != '__init__.py']
        if modules:
            yield cell('markdown', f'## {room}', room)
        for path in modules:
            entries = list(module_entries(path))
            name = '.'.join(path.relative_to(ROOT).with_suffix('').parts)
            if entries:
                yield cell('markdown', '\n'.join(module_lines(name, path, entries)), name)


API_HEAD = '''# API

> What each module promises, one line a name. The module's own page explains it, with checks and pictures.

The functions that most scripts start with are on `medxfer` itself:'''

API_IMPORTS = 'from medxfer import decide, load_task, open_run, score_task, write_task'

API_HOMES = '[f.__module__ for f in (load_task, write_task, score_task, decide, open_run)]'

API_CHECK = '''#| hide
import medxfer

assert set(medxfer.__all__) == {'load_task', 'write_task', 'score_task', 'decide', 'open_run'}'''


def title_of(path):
    "The title of a module's page"
    page = (FOLDER / page_of(path)).resolve()
    head = ''.join(json.loads(page.read_text(encoding='utf-8'))['cells'][0]['source'])
    return head.splitlines()[0].removeprefix('# ')


def module_lines(name, path, entries):
    "The Markdown of one module"
    yield f'### {name}'
    yield ''
    yield f'Explained on the page [{title_of(path)}]({page_of(path).as_posix()})'
    yield ''
    yield '| | |'
    yield '| --- | --- |'
    for signature, doc in entries:
        yield f'| `{escape(signature)}` | {escape(doc)} |'


def commands(parser, words=('medxfer',)):
    "(words, parser) of every command below a parser, groups resolved"
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from commands(inner, (*words, name))
            return
    yield words, parser


def option_lines(parser):
    "A table of a command's arguments and options"
    yield '| | | default |'
    yield '| --- | --- | --- |'
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        name = ', '.join(action.option_strings) or (action.metavar or action.dest).upper()
        if action.option_strings and action.nargs != 0:
            name += f' {action.metavar or action.dest.upper()}'
        help_text, default = split_default(action)
        yield f'| `{escape(name)}` | {escape(help_text)} | {escape(default)} |'


def split_default(action):
    "The help of an option without its default, and the default"
    text = action.help or ''
    stated = re.search(r' *\(default: ([^)]*)\)$', text)
    if stated:
        return text[: stated.start()], stated[1]
    needed = action.required and action.nargs not in ('?', '*')
    return text, 'required' if needed else ''


def command_cells():
    "The cells of the page of commands"
    sys.path.insert(0, str(ROOT))
    from medxfer.cli import build_parser

    yield cell('markdown', COMMANDS_HEAD, 'head')
    yield cell('code', SET_UP, 'set up')
    yield cell('code', CALL, 'call')
    for words, parser in commands(build_parser()):
        name = ' '.join(words)
        lines = [f'## {name}', '', parser.description or '', '', *option_lines(parser)]
        needs = getattr(parser, 'example_needs', '')
        if needs:
            lines += ['', *shell_block(parser.example), '', NOT_RUN.format(needs=needs)]
        elif hasattr(parser, 'example'):
            lines += ['', *shell_block(parser.example)]
        yield cell('markdown', '\n'.join(lines), name)
        if not needs and hasattr(parser, 'example'):
            line = parser.example.removeprefix('medxfer ')
            yield cell('code', f'#| echo: false\nmedxfer({line!r})', f'{name} example')
    yield cell('code', '#| hide\nstack.close()', 'clean up')


def shell_block(line):
    "The Markdown of a line for a shell"
    return ['```', line, '```']


COMMANDS_HEAD = '''# Commands

> Every command of `medxfer` with its options, and an example each. The examples run in order whenever this page is tested.

All commands exit with 0 when done, 1 when something was refused or failed, 2 when they were called wrongly, 3 when a check says "not the same" and 130 when they were interrupted. `--json` prints results as JSON and sends messages to standard error.'''


def changelog_cells():
    "The cells of the page of changes: one a version"
    head, *versions = re.split(r'^(?=## )', (ROOT / 'CHANGELOG.md').read_text('utf-8'), flags=re.M)
    yield cell('markdown', f'{head.strip()}\n\n{CHANGELOG_HEAD}', 'head')
    for text in versions:
        title = text.splitlines()[0]
        yield cell('markdown', text.strip(), title)


CHANGELOG_HEAD = '> What changed for who uses medxfer, the newest first. `CHANGELOG.md` is the source of this page.'

PAGES = {
    '10_api.ipynb': api_cells,
    '20_commands.ipynb': command_cells,
    '60_changelog.ipynb': changelog_cells,
}


def made(name):
    "The notebook as it should be, with the outputs of cells that did not change"
    path = FOLDER / name
    stored = json.loads(path.read_text(encoding='utf-8')) if path.is_file() else dict(cells=[])
    known = {c['id']: c for c in stored['cells']}
    cells = list(PAGES[name]())
    for new in cells:
        old = known.get(new['id'])
        if new['cell_type'] == 'code' and old and same_code(old['source'], new['source']):
            new['source'] = old['source']
            new['outputs'] = old['outputs']
    kernel = dict(display_name='python3', language='python', name='python3')
    return dict(cells=cells, metadata=dict(kernelspec=kernel), nbformat=4, nbformat_minor=5)


def same_code(old, new):
    "Whether two sources are the same but for layout"
    old, new = (''.join(source) for source in (old, new))
    directives = [re.findall(r'^#\|.*', source, re.M) for source in (old, new)]
    trees = [ast.dump(ast.parse(source)) for source in (old, new)]
    return directives[0] == directives[1] and trees[0] == trees[1]


def write():
    FOLDER.mkdir(exist_ok=True)
    for name in PAGES:
        text = json.dumps(made(name), indent=1, ensure_ascii=False, sort_keys=True)
        (FOLDER / name).write_text(text + '\n', encoding='utf-8')


def problems():
    "Pages that do not say what the code says"
    for name in PAGES:
        path = FOLDER / name
        stored = json.loads(path.read_text(encoding='utf-8'))['cells'] if path.is_file() else []
        sources = [''.join(c['source']) for c in stored]
        if sources != [''.join(c['source']) for c in made(name)['cells']]:
            yield f'nbs/reference/{name}: it no longer says what it is made from; run make sync'


if __name__ == '__main__':
    if '--check' in sys.argv:
        sys.exit('\n'.join(problems()) or 0)
    write()
