"""Every check of the project: `tools/run_tests.py [NAME ...]` runs those whose name contains one of the words.

  sync       notebooks are formatted and clean, and medxfer/ is what they export
  readme     README.md is what nbs/index.ipynb says, and its picture what tools/picture.py draws
  sidebar    every notebook is in the site's sidebar
  workflows  the hosted workflows parse, and what they call is there
  reference  the pages API and Commands list what the code has
  lint       every name is defined, every import used, one statement a line, no lambda bound to a name (ruff):
             a notebook hides a missing import, because its test cells import too
  classes    methods are where their class is: nothing is hung on a class or module from outside
  types      the exported modules pass the type checker (basedpyright, basic)
  paths      no output of a notebook names a folder of one machine
  imports    imports are in cells of their own (the docs build runs such cells alone)
  new        what `make new` writes passes its own tests
  docs       the site builds, and opens in headless Chromium without an error
  nbs/...    a notebook runs from top to bottom and prints what its page shows; flagged cells (settings.ini: tst_flags)
             are left out

Notebooks run on all cores, one thread each, the slowest first. On Linux several of them begin as copies of a process that has
loaded PyTorch and what stands on it, which takes nine seconds of a core; elsewhere, or for a few, each one loads its own. The
last line counts; exit 1 when anything failed.
"""

import ast
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from multiprocessing.connection import wait
from pathlib import Path

import picture
import check_nb
import readme
import reference
import sidebar
import workflows
from check_docs import NO_BROWSER

ROOT = Path(__file__).resolve().parent.parent
TIMINGS = ROOT / '.venv' / 'seconds.json'
PATIENCE = 900  # seconds for one check
ONE_THREAD = {k: '1' for k in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS')}
QUIET = {
    'HF_HUB_OFFLINE': '1',
    'TRANSFORMERS_OFFLINE': '1',
    'TOKENIZERS_PARALLELISM': 'false',
    'MPLBACKEND': 'Agg',
    'HF_HUB_DISABLE_PROGRESS_BARS': '1',
    'PYTHONUNBUFFERED': '1',
}
# Cells that nbdev runs anyway, or never, when it builds the docs.
NOT_ALONE = re.compile(r'^#\| *(export|eval: *false)|nbdev_export\(', re.M)
PASSED, FAILED, SKIPPED = 'passed', 'FAILED', 'skipped'


def run(*command):
    "Run a command from the root; its exit status and everything that it printed"
    environment = {**os.environ, **QUIET, **ONE_THREAD}
    try:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            text=True,
            errors='replace',
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired as error:
        printed = (error.stdout or b'').decode(errors='replace')
        return 1, f'{printed}\nstopped: not done after {PATIENCE} seconds'
    if done.returncode < 0:
        return 1, f'{done.stdout}\nended by signal {-done.returncode}'
    return done.returncode, done.stdout


def verdict(problems):
    return (FAILED, '\n'.join(problems)) if problems else (PASSED, '')


def check_sync():
    status, printed = run('tools/sync.py', '--check')
    return (FAILED if status else PASSED), printed


def mixed_cells(path):
    "The first import of each cell that imports and does something else too"
    for cell in json.loads(path.read_text(encoding='utf-8'))['cells']:
        source = ''.join(cell['source'])
        if cell['cell_type'] != 'code' or NOT_ALONE.search(source):
            continue
        try:
            nodes = list(ast.walk(ast.parse(source)))
        except SyntaxError:
            continue  # a magic, which nbdev leaves alone
        imports = [n for n in nodes if isinstance(n, (ast.Import, ast.ImportFrom))]
        if imports and any(isinstance(n, (ast.Expr, ast.Assign)) for n in nodes):
            yield ast.unparse(imports[0])


def check_imports():
    return verdict(
        [
            f'nbs/{p}: this cell imports and does more; give the imports a cell of their own:  {line}'
            for p in sidebar.notebooks()
            for line in mixed_cells(ROOT / 'nbs' / p)
        ]
    )


def check_lint():
    status, printed = run(
        '-m', 'ruff', 'check', '--output-format', 'concise', 'medxfer', 'tools', 'nbs'
    )
    return (FAILED if status else PASSED), printed


def hung_on(path):
    "Where a module assigns to an attribute at its top level: `Trainer.train = _train`"
    for node in ast.parse(path.read_text(encoding='utf-8')).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        flat = [t for target in targets for t in getattr(target, 'elts', [target])]
        if any(isinstance(t, ast.Attribute) for t in flat):
            yield f'{path.relative_to(ROOT)}:{node.lineno}: move this into the class: {ast.unparse(node)[:80]}'


def check_classes():
    modules = sorted((ROOT / 'medxfer').rglob('*.py'))
    return verdict([problem for path in modules for problem in hung_on(path)])


def check_types():
    status, printed = run('-m', 'basedpyright')
    return (FAILED if status else PASSED), printed


OF_THIS_CHECKOUT = re.compile(r'site-packages/|' + re.escape(str(ROOT)))
SOMEBODYS_HOME = re.compile(r'(?<![\w.~])/(?:root|home|Users)/')  # in a source it may be an example


def outputs(path):
    "What the cells of a notebook showed"
    for cell in json.loads(path.read_text(encoding='utf-8'))['cells']:
        yield from map(json.dumps, cell.get('outputs', []))


def names_machine(path):
    return OF_THIS_CHECKOUT.search(path.read_text(encoding='utf-8')) or any(
        map(SOMEBODYS_HOME.search, outputs(path))
    )


def check_paths():
    return verdict(
        [
            f'nbs/{p}: it names a folder of one machine; show something else, or run it again'
            for p in sidebar.notebooks()
            if names_machine(ROOT / 'nbs' / p)
        ]
    )


def check_docs():
    status, printed = run('tools/build_docs.py')
    if status:
        return FAILED, printed
    status, opened = run('tools/check_docs.py')
    return {0: PASSED, NO_BROWSER: SKIPPED}.get(status, FAILED), opened


def check_new():
    status, printed = run('tools/new.py', '--check')
    return (FAILED if status else PASSED), printed


def check_notebook(path):
    status, printed = run('tools/check_nb.py', str(path))
    return (FAILED if status else PASSED), printed


# What most notebooks import before they do anything. Nothing of medxfer: that is what is tested.
LIBRARIES = (
    'torch',
    'transformers',
    'peft',
    'pandas',
    'scipy.stats',
    'matplotlib.figure',
    'execnb.shell',
    'nbdev.process',
)
FEW = 6  # notebooks that are not worth it


def start_copies():
    "What makes processes as copies of one that has loaded `LIBRARIES`; it loads them with the first one"
    os.environ.update(QUIET, **ONE_THREAD)
    copies = multiprocessing.get_context('forkserver')
    copies.set_forkserver_preload(list(LIBRARIES))
    return copies


# Whoever starts a process looks at all that were started, and of two threads that read one's status the second finds none.
LOOKING = threading.Lock()


def check_in_copy(copies, path):
    "`check_notebook` in a process that need not load the libraries"
    with tempfile.NamedTemporaryFile('r', errors='replace') as said:
        with LOOKING:
            process = copies.Process(target=check_nb.check_apart, args=(path, said.name))
            process.start()
        is_done = wait([process.sentinel], PATIENCE)
        if not is_done:
            os.killpg(process.pid, signal.SIGKILL)
            wait([process.sentinel])
        with LOOKING:
            process.join()
        if not is_done:
            return FAILED, f'{said.read()}\nstopped: not done after {PATIENCE} seconds'
        if process.exitcode < 0:
            return FAILED, f'{said.read()}\nended by signal {-process.exitcode}'
        return (FAILED if process.exitcode else PASSED), said.read()


CHECKS = {
    'sync': check_sync,
    'readme': lambda: verdict(readme.problems() + picture.problems()),
    'sidebar': lambda: verdict(sidebar.problems()),
    'workflows': lambda: verdict(workflows.problems()),
    'reference': lambda: verdict(list(reference.problems())),
    'imports': check_imports,
    'lint': check_lint,
    'classes': check_classes,
    'paths': check_paths,
}


def timed(check, *args):
    "The outcome of a check, what to say about it, and its seconds"
    start = time.monotonic()
    outcome, said = check(*args)
    return outcome, said, time.monotonic() - start


def report(name, outcome, said, seconds):
    "One line for a check, and what it said if that matters"
    print(f'{outcome:8}{name}  {seconds:.1f} s', flush=True)
    if outcome != PASSED and said.strip():
        print('    ' + said.strip().replace('\n', '\n    '), flush=True)


def remembered():
    "Seconds of each check when it last ran here"
    try:
        return json.loads(TIMINGS.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}


def remember(seconds):
    try:
        TIMINGS.write_text(
            json.dumps({**remembered(), **seconds}, indent=1, sort_keys=True), encoding='utf-8'
        )
    except OSError:
        pass  # only the order of the next run depends on it


def main(words):
    def wanted(name):
        return not words or any(w in name for w in words)

    outcomes, seconds = {}, {}
    start = time.monotonic()

    def done(name, outcome, said, spent):
        outcomes[name], seconds[name] = outcome, spent
        report(name, outcome, said, spent)

    # First and alone: the sync check writes the package that everything else imports.
    for name, check in CHECKS.items():
        if wanted(name):
            done(name, *timed(check))

    notebooks = {f'nbs/{p}': (check_notebook, ROOT / 'nbs' / p) for p in sidebar.notebooks()}
    if sys.platform == 'linux' and sum(map(wanted, notebooks)) > FEW:
        copies = start_copies()
        notebooks = {name: (check_in_copy, copies, path) for name, (_, path) in notebooks.items()}
    jobs = {'docs': (check_docs,), 'types': (check_types,), 'new': (check_new,), **notebooks}
    last = remembered()
    # Unknown ones early: they may be long.
    order = sorted(filter(wanted, jobs), key=lambda name: -last.get(name, 60))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        running = {pool.submit(timed, *jobs[name]): name for name in order}
        for future in as_completed(running):
            done(running[future], *future.result())
    remember(seconds)

    if not outcomes:
        sys.exit(f'no check has a name with {" or ".join(words)} in it')
    counts = [list(outcomes.values()).count(k) for k in (PASSED, FAILED, SKIPPED)]
    print(f'{time.monotonic() - start:.0f} s')
    print(
        f'{counts[0]} passed, {counts[1]} failed' + (f', {counts[2]} skipped' if counts[2] else ''),
        flush=True,
    )
    sys.exit(bool(counts[1]))


if __name__ == '__main__':
    # A shell has what it starts in the background ignore Ctrl-C, and the checks press it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(sys.argv[1:])
