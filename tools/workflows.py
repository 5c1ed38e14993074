"""What is wrong with the hosted workflows, as far as that can be seen without running them: `tools/workflows.py`.

Their YAML parses, every job has steps or another workflow, every action has a version, what they call of this project
is there (targets of make, tools, extras, rooms), and jobs that wait for others name some.
"""

import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / '.github' / 'workflows'
EXTRA = re.compile(r"'\.\[([\w,]+)\]'")
TOOL = re.compile(r'\b((?:tools|\.ci)/[\w./]+)')
TARGET = re.compile(r'\bmake ([a-z]+)')


def find_missing(line):
    "What a command line calls that the project does not have"
    makefile = (ROOT / 'Makefile').read_text(encoding='utf-8')
    settings = (ROOT / 'settings.ini').read_text(encoding='utf-8')
    for path in TOOL.findall(line):
        if not (ROOT / path).exists():
            yield f'{path} is not there'
    for target in TARGET.findall(line):
        if f'\n{target}:' not in makefile:
            yield f'make has no target {target}'
    for extras in EXTRA.findall(line):
        for extra in extras.split(','):
            if f'\nextra_{extra} =' not in settings and extra != 'dev':
                yield f'settings.ini has no extra {extra}'


def find_step_problems(step):
    "What is wrong with one step of a job"
    if ('uses' in step) == ('run' in step):
        yield f'a step has either uses or run: {step}'
    uses = step.get('uses', '')
    if uses and not uses.startswith('./') and '@' not in uses:
        yield f'{uses} has no version'
    yield from find_missing(str(step.get('run', '')))


def find_job_problems(job, jobs):
    "What is wrong with one job"
    if 'uses' in job:
        if not (ROOT / job['uses']).is_file():
            yield f'{job["uses"]} is not there'
        return
    if not job.get('runs-on') or not job.get('steps') or not job.get('timeout-minutes'):
        yield 'it needs runs-on, steps and timeout-minutes'
    needs = job.get('needs') or []
    for name in [needs] if isinstance(needs, str) else needs:
        if name not in jobs:
            yield f'it needs {name}, which is no job'
    for room in job.get('strategy', {}).get('matrix', {}).get('room', ()):
        if not (ROOT / 'nbs' / room).is_dir():
            yield f'nbs/{room} is not there'
    for step in job.get('steps', ()):
        yield from find_step_problems(step)


def find_problems(text):
    "What is wrong with the text of a workflow"
    try:
        workflow = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return [' '.join(str(error).split())]
    # YAML 1.1 reads the key `on` as true.
    if not workflow.get('on', workflow.get(True)) or not workflow.get('jobs'):
        return ['it needs on and jobs']
    jobs = workflow['jobs']
    return [f'{name}: {p}' for name, job in jobs.items() for p in find_job_problems(job, jobs)]


# Each must be found wrong: a check that never failed proves nothing.
WRONG = (
    'on: push\njobs: {a: [',
    'on: push\njobs: {}',
    'on: push\njobs: {a: {runs-on: x, steps: [{run: ls}]}}',
    'on: push\njobs: {a: {runs-on: x, timeout-minutes: 1, steps: [{uses: actions/checkout}]}}',
    'on: push\njobs: {a: {runs-on: x, timeout-minutes: 1, steps: [{run: make tea}]}}',
    'on: push\njobs: {a: {runs-on: x, timeout-minutes: 1, steps: [{run: python tools/none.py}]}}',
    'on: push\njobs: {a: {runs-on: x, timeout-minutes: 1, needs: b, steps: [{run: ls}]}}',
    "on: push\njobs: {a: {runs-on: x, timeout-minutes: 1, steps: [{run: pip install '.[none]'}]}}",
)


def problems():
    "What is wrong with the workflows of this project"
    found = [
        f'workflows.py finds nothing wrong with {text!r}'
        for text in WRONG
        if not find_problems(text)
    ]
    for path in sorted(FOLDER.glob('*.yml')):
        found += [f'{path.relative_to(ROOT)}: {p}' for p in find_problems(path.read_text('utf-8'))]
    return found


if __name__ == '__main__':
    sys.exit('\n'.join(problems()) or 0)
