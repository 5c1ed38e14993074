"""Start a task, a strategy, a model or a kernel: `tools/new.py KIND NAME`, or `make new KIND=name`.

Writes a notebook and a YAML file that pass their tests, and registers what has to be registered. Nothing that exists is
overwritten. `tools/new.py --check` tries all four in a copy of the project and runs what it wrote.
"""

import argparse
import json
import keyword
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from mutate import copy_project

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = Path(__file__).resolve().parent / 'templates'
LETTERS = re.compile(r'[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*')


class Refused(Exception):
    "What cannot be made, in one sentence"


def fill(template, name):
    "A template with the name in its three spellings"
    words = re.split('[_-]', name)
    text = (TEMPLATES / template).read_text(encoding='utf-8')
    text = text.replace('@NAME@', name).replace('@TITLE@', ' '.join(words))
    return text.replace('@CLASS@', ''.join(w.title() for w in words)).replace(
        '@LABEL@', name.title()
    )


def check_name(name, python):
    "Refuse names that no module or file can have"
    if not LETTERS.fullmatch(name):
        raise Refused(f'{name!r}: use lower-case letters and digits, joined by _ or -')
    if python and ('-' in name or keyword.iskeyword(name)):
        raise Refused(f'{name!r} becomes a Python module: use letters, digits and _')


def new_file(path, text):
    if path.exists():
        raise Refused(f'{path.relative_to(ROOT)} exists already; choose another name')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding='utf-8')
    return path


def next_number(folder):
    "The first free page number after the last page of a room"
    numbers = [int(p.name[:2]) for p in folder.glob('[0-9][0-9]_*.ipynb')]
    return max(numbers, default=0) + 1


def new_notebook(path, text):
    "A notebook from the text of a template"
    if path.exists():
        raise Refused(f'{path.relative_to(ROOT)} exists already; choose another name')
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / 'page.py'
        source.write_text(text, encoding='utf-8')
        tidy = ['--set-kernel', 'python3', '--update-metadata', '{"jupytext": null}', '--quiet']
        tool('jupytext', '--to', 'ipynb', *tidy, str(source), '-o', str(path))
    tool('ruff', 'format', '--quiet', str(path))
    tool('nbdev_clean', '--fname', str(path))
    return path


def tool(name, *words):
    "Call a tool of this environment from the root"
    subprocess.run(
        [Path(sys.executable).parent / name, *words],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def existing_page(folder, name):
    "Refuse a page name that the room has, under whatever number"
    found = list((ROOT / 'nbs' / folder).glob(f'[0-9][0-9]_{name}.ipynb'))
    if found:
        raise Refused(f'{found[0].relative_to(ROOT)} exists already; choose another name')


def page(folder, name, template):
    "A new page at the end of a room"
    existing_page(folder, name)
    number = next_number(ROOT / 'nbs' / folder)
    path = ROOT / 'nbs' / folder / f'{number:02}_{name}.ipynb'
    return new_notebook(path, fill(template, name))


def make_task(name):
    check_name(name, python=True)
    existing_page('data', name)
    yaml = new_file(ROOT / 'medxfer/configs/task' / f'{name}.yaml', fill('task.yaml', name))
    return [page('data', name, 'task.nb.txt'), yaml, register_task(name)]


def register_task(name):
    "Add the task to the dictionary TASKS"
    path = ROOT / 'nbs/data/01_corpora.ipynb'
    notebook = json.loads(path.read_text(encoding='utf-8'))
    for cell in notebook['cells']:
        source = ''.join(cell['source'])
        if re.search(r'^TASKS\b.*= \{', source, re.M):
            line = f"    '{name}': 'medxfer.data.{name}',\n"
            cell['source'] = source.replace('\n}', f'\n{line}}}', 1).splitlines(keepends=True)
            text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
            path.write_text(text + '\n', encoding='utf-8')
            return path
    raise Refused(f'{path.relative_to(ROOT)} has no dictionary TASKS to register {name} in')


def make_strategy(name):
    check_name(name, python=True)
    existing_page('training', name)
    yaml = new_file(ROOT / 'medxfer/configs/strategy' / f'{name}.yaml', fill('strategy.yaml', name))
    return [page('training', name, 'strategy.nb.txt'), yaml]


def make_model(name):
    check_name(name, python=False)
    existing_page('models', name)
    yaml = new_file(ROOT / 'medxfer/configs/model' / f'{name}.yaml', fill('model.yaml', name))
    return [yaml, page('models', name, 'model.nb.txt')]


def make_kernel(name):
    "A copy of the kernel `train` under its own name; its last cells are what to change"
    check_name(name, python=False)
    source, folder = ROOT / 'kaggle_kernels/train', ROOT / 'kaggle_kernels' / name
    text = (source / 'train.ipynb').read_text(encoding='utf-8')
    metadata = (source / 'kernel-metadata.json').read_text(encoding='utf-8')
    return [
        new_file(folder / f'{name}.ipynb', text.replace('"# Train', f'"# {name.title()}')),
        new_file(folder / 'kernel-metadata.json', re.sub(r'\btrain\b', name, metadata)),
    ]


MAKERS = dict(task=make_task, strategy=make_strategy, model=make_model, kernel=make_kernel)


def make(kind, name):
    try:
        made = MAKERS[kind](name)
    except Refused as refusal:
        sys.exit(f'new {kind}: {refusal}')
    for path in made:
        print(path.relative_to(ROOT))
    print('Next: fill them in, then make sync, and make test ARGS=' + repr(f'sync {name}'))


def check():
    "Make one of each in a copy and run what was made"
    names = dict(
        task='example_task', strategy='example_rule', model='example-model', kernel='example'
    )
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / 'project'
        copy_project(project)
        for kind, name in names.items():
            call(project, 'tools/new.py', kind, name)
        refused = subprocess.run(
            [sys.executable, 'tools/new.py', 'task', 'example_task'],
            cwd=project,
            capture_output=True,
        )
        assert refused.returncode == 1, 'a task was made twice'
        call(project, 'tools/sync.py')
        pages = [p for name in names.values() for p in (project / 'nbs').rglob(f'*_{name}.ipynb')]
        assert len(pages) == 3, pages
        for path in [*pages, project / 'nbs/data/01_corpora.ipynb']:
            call(project, 'tools/check_nb.py', str(path))
        run = 'experiment=demo model=tiny strategy=example_rule budget.epochs=1 seed=1 out=one'
        small = 'data.synthetic.documents={train: 8, dev: 2, test: 4}'
        call(project, '-m', 'medxfer.cli', 'run', *run.split(), small)


def call(project, *words):
    "Run Python in the copy; what it printed, if it fails"
    environment = {**os.environ, 'PYTHONPATH': str(project)}
    done = subprocess.run(
        [sys.executable, *words], cwd=project, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f'{" ".join(words)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}')


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--check', action='store_true', help='try all four in a copy')
    parser.add_argument('kind', nargs='?', choices=MAKERS)
    parser.add_argument('name', nargs='?')
    args = parser.parse_args()
    if args.check:
        check()
    elif args.kind and args.name:
        make(args.kind, args.name)
    else:
        parser.error('name a kind and a name, such as: task bc5cdr')
