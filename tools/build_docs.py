"""Build the site into _docs: with Quarto where it is installed, else with smalldocs.

Both read _quarto.yml and nbdev's processed notebooks, and every notebook becomes a page.
"""

import html
import os
import re
import shutil
import subprocess
import sys
from contextlib import chdir, contextmanager
from pathlib import Path
from unittest.mock import patch

import readme
import yaml

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.executable).parent
SITE = ROOT / '_site_src'
# smalldocs takes fonts and maths from other servers; the site must open without a network.
FOREIGN_FONTS = re.compile(r'@import url\(["\']?https?:[^)]*\);?')
FOREIGN_MATHS = re.compile(r'<link[^>]*katex[^>]*>|<script[^>]*katex[^>]*></script>')
# nbdev links every name in backticks that a module defines; private ones and methods have no heading to link to.
DEAD_LINK = re.compile(r'\[(`(?:_\w+|\w+\.\w+)`)\]\([^)]*#(?:_\w+|\w+\.\w+)\)')
FORMULA = re.compile(r'(<span class="math (inline|display)">)\\[(\[](.*?)\\[)\]](?=</span>)', re.S)
# Title and subtitle at the top of a page's first cell.
HEAD = re.compile(r'\A#\s[^\n]*\n*(?:>\s[^\n]*(?:\n|\Z))?')
# Headings and pictures of a page, in their order.
LANDMARK = re.compile(r'<h[1-6][^>]*>(.*?)</h[1-6]>|<img(?![^>]* alt=)', re.S)
# An empty cell heads no column.
EMPTY_HEAD = re.compile(r'<th\b([^>]*)>\s*</th>')
# What folds a section of the sidebar: a link to the section, so that Tab reaches it and Enter follows it.
FOLD = re.compile(
    r'(data-bs-toggle="collapse" data-bs-target="(#quarto-sidebar-section-\d+)") role="navigation"'
)
# The list of a page's headings; names of modules in it break behind a dot or a low line.
CONTENTS = re.compile(r'<nav [^>]*id="TOC".*?</nav>', re.S)
NAME = re.compile(r'(?<=>)[\w.]+(?=</a>)')
SKIP = '<a class="skip-link" href="#quarto-document-content">Skip to the text</a>'
NAMES = {  # of the parts of a page, for who hears it instead of seeing it
    '<nav class="navbar ': '<nav aria-label="Site" class="navbar ',
    '<nav id="quarto-sidebar"': '<nav aria-label="Pages" id="quarto-sidebar"',
    '<nav class="quarto-secondary-nav"': '<nav aria-label="Place" class="quarto-secondary-nav"',
    '<nav id="TOC" role="doc-toc"': '<nav aria-label="On this page" id="TOC" role="doc-toc"',
    '<div class="toc-actions">': '<div role="navigation" aria-label="Issues" class="toc-actions">',
}
# What nbdev and Quarto know and smalldocs only warns of.
ONLY_QUARTO = 'html-math-method', 'grid'


def page_name(path):
    "What nbdev and Quarto call the page of a notebook: `data/00_base.ipynb` is `data/base.ipynb`"
    return path.with_name(re.sub(r'^\d+[a-z]*_', '', path.name.lower()))


def rename_in(tree, names):
    "The YAML `tree` with every notebook under its page's name"
    if isinstance(tree, dict):
        return {k: rename_in(v, names) for k, v in tree.items()}
    if isinstance(tree, list):
        return [rename_in(v, names) for v in tree]
    return names.get(tree, tree) if isinstance(tree, str) else tree


def keep_openings():
    "Where entered, nbdev keeps what follows title and subtitle in a page's first cell; by itself it drops that"
    from nbdev.frontmatter import FrontmatterProc

    take = FrontmatterProc._update

    def take_head(processor, read, cell):
        source = cell.get('source') or ''
        head = HEAD.match(source) if cell.cell_type == 'markdown' else None
        if not head:
            return take(processor, read, cell)
        cell.source = head[0]
        take(processor, read, cell)
        cell.source = source[head.end() :].strip() or None

    return patch.object(FrontmatterProc, '_update', take_head)


def stage():
    "Copy the processed notebooks to `SITE` under their pages' names, with links that stay inside the site"
    from nbdev.serve import proc_nbs

    try:
        with keep_openings():
            processed = proc_nbs(n_workers=0, force=True)
    except Exception as error:
        sys.exit(f'docs: {error}\n{error.__cause__!r}')
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.copytree(processed, SITE)
    for folder in ('images',):
        if (ROOT / 'nbs' / folder).is_dir():
            shutil.copytree(ROOT / 'nbs' / folder, SITE / folder, dirs_exist_ok=True)
    config = yaml.safe_load((ROOT / '_quarto.yml').read_text(encoding='utf-8'))
    for key in ONLY_QUARTO:
        config['format']['html'].pop(key, None)
    home = config['website']['site-url'].rstrip('/') + '/'
    notebooks = sorted(SITE.rglob('*.ipynb'))
    names = {
        p.relative_to(SITE).as_posix(): page_name(p).relative_to(SITE).as_posix() for p in notebooks
    }
    for path in notebooks:
        text = path.read_text(encoding='utf-8').replace(
            home, '../' * (len(path.relative_to(SITE).parts) - 1) or './'
        )
        text = DEAD_LINK.sub(r'\1', text)
        # [text](01_other.ipynb) is a link to that notebook's page.
        text = re.sub(r'\]\(((?:[\w.-]+/)*)(\d+[a-z]*_)([\w-]+)\.ipynb', r'](\1\3.ipynb', text)
        text = re.sub(r'"output-file: [^"]*\\n",?', '"",', text)
        path.unlink()
        page_name(path).write_text(text, encoding='utf-8')
    (SITE / '_quarto.yml').write_text(
        yaml.safe_dump(rename_in(config, names), sort_keys=False), encoding='utf-8'
    )
    return ROOT / config['project']['output-dir'], SITE / config['project']['output-dir']


def mathml(match):
    "The formula that `FORMULA` found, as MathML, which browsers draw by themselves"
    from latex2mathml.converter import convert

    return match[1] + convert(
        html.unescape(match[3]), display='block' if match[2] == 'display' else 'inline'
    )


def name_pictures(page):
    "The page with a text for each picture that has none: the heading that it is under"
    heading = ''

    def name(match):
        nonlocal heading
        if match[1] is None:
            return f'{match[0]} alt="Figure: {html.escape(heading)}"'
        heading = ' '.join(html.unescape(re.sub('<[^>]*>', '', match[1])).split())
        return match[0]

    return LANDMARK.sub(name, page)


def order_headings(page):
    "The page with a level for each heading that skips one, as functions do below a title, and for a second title"
    last = 0

    def order(match):
        nonlocal last
        level = int(match[1])
        last = min(max(level, 2), last + 1) if last else 1
        return match[0] if last == level else f'{match[0]} aria-level="{last}"'

    return re.sub(r'<h([1-6])(?=[ >])', order, page)


def break_name(match):
    "The name that `NAME` found, with places where a narrow column may break it"
    return re.sub('[._]', r'\g<0><wbr>', match[0])


def make_accessible(page):
    "The page for a keyboard and a screen reader: what smalldocs leaves out"
    aside, main, text = page.partition('<main')
    page = aside + main + order_headings(name_pictures(text))
    page = CONTENTS.sub(lambda found: NAME.sub(break_name, found[0]), page)
    page = EMPTY_HEAD.sub(r'<td\1></td>', page)
    page = FOLD.sub(r'href="\2" role="button" \1', page)
    for part, named in NAMES.items():
        page = page.replace(part, named)
    return re.sub(r'<body[^>]*>', lambda body: body[0] + SKIP, page, count=1)


def rewrite(path, change):
    path.write_text(change(path.read_text(encoding='utf-8')), encoding='utf-8')


@contextmanager
def keep_readme():
    "Where entered, README.md stays as it is, even if the build fails: nbdev renders it in its own way"
    before = readme.README.read_bytes()
    try:
        yield
    finally:
        readme.README.write_bytes(before)


def main():
    if shutil.which('quarto'):
        from nbdev.quarto import nbdev_docs

        with keep_openings(), keep_readme(), chdir(ROOT):
            nbdev_docs.__wrapped__(n_workers=0)
        return print('docs: built by Quarto in _docs')
    out, built = stage()
    subprocess.run([TOOLS / 'smalldocs', 'render', SITE, '--quiet'], check=True)
    shutil.rmtree(out, ignore_errors=True)
    shutil.move(built, out)
    shutil.rmtree(SITE)
    for path in out.rglob('*.css'):
        rewrite(path, lambda text: FOREIGN_FONTS.sub('', text))
    for path in out.rglob('*.html'):
        rewrite(path, lambda text: FORMULA.sub(mathml, FOREIGN_MATHS.sub('', text)))
        rewrite(path, make_accessible)
    print(
        f'docs: {sum(1 for _ in out.rglob("*.html"))} pages in {out.relative_to(ROOT)}, built by smalldocs (no Quarto here)'
    )


if __name__ == '__main__':
    # The docs build imports the package from this checkout.
    sys.path.insert(0, str(ROOT))
    main()
    # nbdev leaves a shell with a thread for each notebook; waiting for all of them takes minutes.
    sys.stdout.flush()
    os._exit(0)
