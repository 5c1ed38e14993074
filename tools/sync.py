"""Bring everything that is made from the notebooks up to date: `tools/sync.py`, or `tools/sync.py --check`.

Formats and cleans the notebooks, exports medxfer/, writes README.md, its picture,
the reference pages and the sidebar.
With `--check` it fails when that changed a file, and names the files; it needs no commit to compare with.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

import picture
import readme
import reference
import sidebar

ROOT = Path(__file__).resolve().parent.parent
WATCHED = 'nbs', 'kaggle_kernels', 'medxfer'
LEFT_OUT = {'__pycache__', '.ipynb_checkpoints'}


def files():
    "The files that notebooks and export own"
    found = (p for folder in WATCHED for p in sorted((ROOT / folder).rglob('*')))
    return [p for p in found if p.is_file() and not LEFT_OUT & set(p.parts)]


def digests():
    "sha256 of each of them, by path from the root"
    return {
        p.relative_to(ROOT).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files()
    }


def clean_and_export():
    "Run the formatter, nbdev's cleaner and its exporter"
    tools = Path(sys.executable).parent
    calls = [
        [tools / 'ruff', 'format', '--quiet', 'nbs', 'kaggle_kernels', 'tools', 'setup.py'],
        [tools / 'nbdev_clean'],
        [tools / 'nbdev_export'],
    ]
    if (ROOT / 'kaggle_kernels').exists():
        calls.insert(2, [tools / 'nbdev_clean', '--fname', 'kaggle_kernels'])
    for call in calls:
        if subprocess.run(call, cwd=ROOT).returncode:
            sys.exit(f'{call[0].name} stopped: see above')


def orphans():
    "Modules in medxfer/ that no notebook exports"
    for path in sorted((ROOT / 'medxfer').rglob('*.py')):
        if path.name in ('__init__.py', '_modidx.py'):
            continue
        _, _, source = path.read_text(encoding='utf-8').partition('File to edit: ')
        source = source.split('\n')[0].rstrip('.')
        if not source or not (path.parent / source).is_file():
            yield path.relative_to(ROOT).as_posix()


def changed_by_sync():
    "Sync, and list what was out of step"
    before = digests()
    clean_and_export()
    after = digests()
    return sorted(p for p in before.keys() | after.keys() if before.get(p) != after.get(p))


def main(check):
    problems = [
        f'{p}: the notebook and the module disagree, or a notebook was not clean; '
        'it is in step now, look at it and commit it'
        for p in changed_by_sync()
    ]
    problems += [f'{p}: no notebook exports it; move it into one, or delete it' for p in orphans()]
    if not check:
        picture.write()
        readme.write()
        reference.write()
        sidebar.write()
        return [p for p in problems if 'no notebook' in p]
    return problems


if __name__ == '__main__':
    sys.exit('\n'.join(main('--check' in sys.argv)) or 0)
