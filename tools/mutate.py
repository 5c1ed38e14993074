"""Change one operator of the exported code at a time and see whether its page notices.

    tools/mutate.py --sample 60 --seed COMMIT          a seeded sample over all modules
    tools/mutate.py --sample 20 data.sources.leaks     over these modules only
    tools/mutate.py --all training.ledger              every mutation of a module

A mutation is killed when the page of its module fails, or prints something else than it shows. A survivor is printed
with its changed line: a check is missing, or the change makes no difference. Changes that make none are listed in
tools/equivalent.txt, each with a reason; they are counted, but not run. Works on a copy; exit 1 when some survive.
"""

import argparse
import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EQUIVALENT = ROOT / 'tools' / 'equivalent.txt'
PATIENCE = 600  # seconds; a mutation that makes a page hang is noticed
EXPORTED = re.compile(r'^#\| *export', re.M)
DEFAULT_EXP = re.compile(r'^#\| *default_exp (\S+)', re.M)
PATHLIKE = re.compile(r'\b(Path|folder|root|out|home|\w*dir|name|stem)\b')
NEVER_COPIED = '.git', '.venv', 'runs', '_docs', '_proc', '_site_src'

COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult,
}
CALLS = {'min': 'max', 'max': 'min', 'any': 'all', 'all': 'any'}


@dataclass(frozen=True)
class Mutation:
    "One change of one exported cell"

    module: str
    notebook: Path  # relative to the root
    cell: int
    before: str  # the expression
    after: str
    line: str  # the first line that differs, changed
    source: str  # the whole cell, changed


def joins_text(node):
    "Whether an operator joins text or paths, where another one only raises"
    if isinstance(node.op, ast.Div) and PATHLIKE.search(ast.unparse(node)):
        return True  # a path
    return any(isinstance(n, (ast.JoinedStr, ast.List, ast.Tuple)) for n in ast.walk(node)) or any(
        isinstance(n, ast.Constant) and isinstance(n.value, (str, bytes)) for n in ast.walk(node)
    )


def changes(node):
    "Ways to change a node: functions that change it in place and back"
    if isinstance(node, ast.Compare):
        for k, operator in enumerate(node.ops):
            if type(operator) in COMPARISONS:
                yield swap(node.ops, k, COMPARISONS[type(operator)]())
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC and not joins_text(node):
        yield set_field(node, 'op', ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        yield set_field(node, 'op', ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield set_field(node, 'op', ast.UAdd())
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
        yield set_field(node.func, 'id', CALLS[node.func.id])
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield set_field(node, 'value', not node.value)
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield set_field(node, 'value', node.value + 1)


def swap(items, k, new):
    def toggle():
        nonlocal new
        items[k], new = new, items[k]

    return toggle


def set_field(node, field, new):
    def toggle():
        nonlocal new
        old = getattr(node, field)
        setattr(node, field, new)
        new = old

    return toggle


def without_annotations(tree):
    "The nodes of a cell that do something: not annotations, docstrings or imports"
    skipped = set()
    for node in ast.walk(tree):
        for field in ('annotation', 'returns'):
            part = getattr(node, field, None)
            if isinstance(part, ast.AST):
                skipped |= {id(n) for n in ast.walk(part)}
    return [n for n in ast.walk(tree) if id(n) not in skipped]


def mutations_of_cell(module, notebook, k, source):
    "Every mutation of one cell"
    directives = '\n'.join(line for line in source.split('\n') if line.startswith('#|'))
    tree = ast.parse(source)
    unchanged = ast.unparse(tree)
    for node in without_annotations(tree):
        for toggle in changes(node):
            before = ast.unparse(node)
            toggle()
            after, text = ast.unparse(node), ast.unparse(tree)
            toggle()
            line = find_changed_line(unchanged, text)
            yield Mutation(module, notebook, k, before, after, line, f'{directives}\n{text}')


def find_changed_line(before, after):
    "The first line of `after` that differs, without indentation"
    pairs = zip(before.split('\n'), after.split('\n'))
    return next((new.strip() for old, new in pairs if old != new), '')


@dataclass(frozen=True)
class Equivalent:
    "An entry of the list of mutations that make no difference"

    module: re.Pattern
    line: re.Pattern
    reason: str

    def covers(self, mutation):
        of_module = self.module.fullmatch(mutation.module)
        return bool(of_module and self.line.fullmatch(mutation.line))


def read_equivalents(path=EQUIVALENT):
    "The entries of the list: `module: changed line`, `*` is anything, and a reason on an indented line"
    lines = path.read_text(encoding='utf-8').split('\n')
    lines = [line for line in lines if line.strip() and not line.startswith('#')]
    for entry, reason in zip(lines[::2], lines[1::2] + ['']):
        module, _, line = entry.partition(': ')
        if entry.startswith(' ') or not line or not reason.startswith(' '):
            sys.exit(f'{path.name}: an entry is two lines, the second indented: {entry}')
        yield Equivalent(compile_stars(module), compile_stars(line), reason.strip())


def compile_stars(pattern):
    "A regular expression for a text with `*`"
    return re.compile('.*'.join(re.escape(part) for part in pattern.split('*')))


def find_reason(mutation, equivalents):
    "Why a mutation makes no difference, or None"
    return next((e.reason for e in equivalents if e.covers(mutation)), None)


def check_equivalents(equivalents, mutations):
    "Exit if an entry covers no mutation any more"
    for entry in equivalents:
        if not any(entry.covers(mutation) for mutation in mutations):
            sys.exit(f'{EQUIVALENT.name}: no mutation is like {entry.line.pattern!r}; remove it')


def all_mutations(words):
    "Every mutation of the modules whose name contains one of the words"
    for path in sorted((ROOT / 'nbs').rglob('*.ipynb')):
        text = path.read_text(encoding='utf-8')
        cells = [''.join(c['source']) for c in json.loads(text)['cells']]
        found = [m for cell in cells if (m := DEFAULT_EXP.search(cell))]
        if not found or not (not words or any(w in found[0][1] for w in words)):
            continue
        for k, source in enumerate(cells):
            if EXPORTED.search(source):
                yield from mutations_of_cell(found[0][1], path.relative_to(ROOT), k, source)


def copy_project(folder):
    shutil.copytree(
        ROOT, folder, ignore=shutil.ignore_patterns(*NEVER_COPIED, '__pycache__'), symlinks=True
    )


def check_unchanged(notebook, project):
    "Exit if a page fails as it is: where nothing passes, every mutation would count as killed"
    done = call(project, 'tools/check_nb.py', str(notebook))
    if done.returncode:
        said = done.stderr.decode(errors='replace').strip().split('\n')[-1]
        sys.exit(f'{notebook} fails without a mutation: {said}')


def judge(mutation, project):
    "Whether the page of a mutated module fails: 'killed', 'killed by time' or 'survived'"
    notebook = project / mutation.notebook
    original = notebook.read_text(encoding='utf-8')
    module = project / 'medxfer' / f'{mutation.module.replace(".", "/")}.py'
    exported = module.read_text(encoding='utf-8')
    try:
        change(notebook, mutation)
        export = (
            'import sys; from nbdev.export import nb_export; nb_export(sys.argv[1], sys.argv[2])'
        )
        call(project, '-c', export, str(mutation.notebook), 'medxfer')
        done = call(project, 'tools/check_nb.py', str(mutation.notebook))
        return 'killed' if done.returncode else 'survived'
    except subprocess.TimeoutExpired:
        return 'killed by time'
    finally:
        notebook.write_text(original, encoding='utf-8')
        module.write_text(exported, encoding='utf-8')


def change(notebook, mutation):
    "Write the mutated cell into a notebook"
    content = json.loads(notebook.read_text(encoding='utf-8'))
    content['cells'][mutation.cell]['source'] = mutation.source.splitlines(keepends=True)
    notebook.write_text(json.dumps(content), encoding='utf-8')


def call(project, *words):
    "Run Python in the copy, with the copy's package"
    environment = {
        **os.environ,
        'PYTHONPATH': str(project),
        'OMP_NUM_THREADS': '1',
        'MPLBACKEND': 'Agg',
    }
    return subprocess.run(
        [sys.executable, *words],
        cwd=project,
        env=environment,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
    )


def run_all(chosen, workers, folder):
    "(mutation, outcome) as they are judged, each worker in a copy of its own"
    projects = [Path(folder) / str(k) for k in range(workers)]
    for project in projects:
        copy_project(project)
    if chosen:
        check_unchanged(chosen[0].notebook, projects[0])

    def judge_share(k):
        return [report(m, judge(m, projects[k])) for m in chosen[k::workers]]

    with ThreadPoolExecutor(workers) as pool:
        return [pair for share in pool.map(judge_share, range(workers)) for pair in share]


def report(mutation, outcome, reason=''):
    text = f'{outcome:15}{mutation.module}: {mutation.before}  ->  {mutation.after}'
    if outcome == 'survived':
        text += f'\n    {mutation.line}'
    if reason:
        text += f'\n    {reason}'
    print(text, flush=True)
    return mutation, outcome


def main(args):
    found = list(all_mutations(args.modules))
    if not found:
        sys.exit(f'no module has {" or ".join(args.modules)} in its name')
    chosen = found
    if not args.all:
        chosen = random.Random(args.seed).sample(found, min(args.sample, len(found)))
    print(f'{len(chosen)} of {len(found)} mutations, seed {args.seed}')
    equivalents = list(read_equivalents())
    if not args.modules:
        check_equivalents(equivalents, found)
    different = []
    for mutation in chosen:
        reason = find_reason(mutation, equivalents)
        if reason:
            report(mutation, 'equivalent', reason)
        else:
            different.append(mutation)
    with tempfile.TemporaryDirectory() as folder:
        judged = run_all(different, args.workers, folder)
    survived = sum(outcome == 'survived' for _, outcome in judged)
    killed = len(judged) - survived
    print(f'{killed} killed, {survived} survived, {len(chosen) - len(judged)} equivalent')
    return 1 if survived else 0


if __name__ == '__main__':
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--sample', type=int, default=20, help='how many (default: 20)')
    parser.add_argument('--seed', default='0', help='of the sample, such as a commit (default: 0)')
    parser.add_argument('--all', action='store_true', help='all of them')
    parser.add_argument('--workers', type=int, default=os.cpu_count() or 1, help='side by side')
    parser.add_argument('modules', nargs='*', help='parts of module names')
    sys.exit(main(parser.parse_args()))
