"""Open every page of _docs in headless Chromium: `tools/check_docs.py [--screenshots DIR]`.

Fails on a page without its heading, a console error, a file that did not load, an address outside the site that a
page loads from, or a link inside the site that leads nowhere; on a page that a phone must scroll sideways, or that a
screen reader cannot find its way in (language, landmarks, order of headings, texts of pictures); on a verdict that is cut
on the page Home of a laptop; and if search, dark mode, the folded sidebar or the mark of the keyboard's place do not work.
Exit 77: no Chromium or Chrome was found.
"""

import argparse
import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import sidebar
from build_docs import HEAD, page_name

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / '_docs'
BROWSERS = 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'
QUIET = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-dev-shm-usage',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--hide-scrollbars',
]
PATIENCE = 600  # seconds for all pages together, on a machine that does other things, too
NO_BROWSER = 77

# Put at the top of each page as it is served: reports what goes wrong to the page around it.
SPY = """<script>
const tell = m => parent.postMessage({page: location.pathname, error: String(m)}, '*');
addEventListener('error', e => tell(e.message || 'did not load: ' + (e.target.src || e.target.href)), true);
addEventListener('unhandledrejection', e => tell(e.reason));
const was = console.error; console.error = (...a) => { tell(a.join(' ')); was(...a); };
</script>"""

# Opens one page after the other in a frame and sends back what it saw.
HARNESS = """<!doctype html><title>check</title><link rel=icon href="data:,"><iframe id=f width=1200 height=900></iframe><script>
const pages = %s, errors = [], seen = {}, f = document.getElementById('f');
addEventListener('message', e => errors.push(e.data.page + ': ' + e.data.error));
const open = p => new Promise(done => { f.onload = () => setTimeout(done, 150); f.src = '/' + p; });
const wait = ms => new Promise(done => setTimeout(done, ms));
const say = what => errors.push('index.html: ' + what);
const light = colour => {
  const parts = colour.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255);
  const [r, g, b] = parts.map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
};
const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((u, v) => v - u); return (x + .05) / (y + .05); };
// What a reader does: read in the dark, unfold, type, follow.
async function useIt() {
  await open('index.html');
  const d = f.contentDocument, w = f.contentWindow, style = e => w.getComputedStyle(e);
  if (!(d.querySelector('meta[name=generator]') || {}).content?.startsWith('smalldocs')) return;
  const legible = mode => {
    const ground = style(d.body).backgroundColor;
    for (const e of d.querySelectorAll('main p, main a, main td, .sidebar-link, #TOC a'))
      if (e.innerText.trim() && contrast(style(e).color, ground) < 4.5)
        return say(mode + ': ' + e.innerText.slice(0, 40) + ' is hard to read, ' + style(e).color + ' on ' + ground);
  };
  legible('light');
  f.width = 1300; await wait(400);
  for (const e of d.querySelectorAll('main pre'))
    if (e.innerText.includes('E (equal tokens)') && e.scrollWidth > e.clientWidth) say('at 1300 pixels the verdict is cut');
  f.width = 1200; await wait(400);
  const scheme = d.querySelector('.quarto-color-scheme-toggle');
  if (!scheme) return say('there is no switch to dark mode');
  scheme.click(); await wait(400);
  if (light(style(d.body).backgroundColor) > .1) say('the switch does not make the page dark');
  legible('dark');
  scheme.click(); await wait(400);
  for (const e of [d.querySelector('.skip-link'), d.querySelector('main a'), d.querySelector('#quarto-search input')]) {
    e.focus({focusVisible: true});
    if (d.activeElement != e || parseFloat(style(e).outlineWidth) < 2) say(e.className + ' does not show that it has the focus');
  }
  const fold = d.querySelector('.sidebar-item-toggle.collapsed');
  if (fold.tabIndex < 0 || !fold.href) say('the keyboard cannot unfold the sidebar');
  fold.click(); await wait(600);
  if (!d.querySelector(fold.dataset.bsTarget).classList.contains('show')) say('the sidebar does not unfold');
  const box = d.querySelector('#quarto-search input');
  box.value = 'exchange rate'; box.dispatchEvent(new w.Event('input', {bubbles: true}));
  let found = null;
  for (let turns = 0; turns < 50 && !found; turns++) { await wait(100); found = d.querySelector('.smalldocs-search-results a'); }
  if (!found) return say('search finds nothing for: exchange rate');
  const loaded = new Promise(done => { f.onload = done; });
  found.click(); await Promise.race([loaded, wait(5000)]);
  if (!/exchange rate/i.test(f.contentDocument.body.innerText) || f.contentWindow.location.pathname == '/index.html')
    say('the first result of search leads to ' + f.contentWindow.location.pathname);
}
(async () => {
  for (const p of pages) {
    await open(p);
    const d = f.contentDocument, main = d.querySelector('main') || d.body;
    seen[p] = {heading: (d.querySelector('h1') || {}).innerText || '', letters: main.innerText.length,
               dark: [...d.images].filter(i => i.src && !i.naturalWidth && i.loading != 'lazy').map(i => i.src)};
    f.width = 390;
    seen[p].beside = d.documentElement.scrollWidth - f.contentWindow.innerWidth;
    f.contentWindow.dispatchEvent(new Event('resize'));  // the browser tells it later, and only if it is idle
    seen[p].stuck = [...main.querySelectorAll('pre, code, table, div')].filter(e => e.scrollWidth > e.clientWidth && e.tabIndex < 0
      && /auto|scroll/.test(f.contentWindow.getComputedStyle(e).overflowX)).map(e => e.tagName + ' ' + e.innerText.slice(0, 40));
    f.width = 1200;
  }
  await useIt().catch(say);
  await fetch('/__seen__', {method: 'POST', body: JSON.stringify({seen, errors})});
})();
</script>"""


class Site(SimpleHTTPRequestHandler):
    "Serves _docs, the page that opens all others, and takes its answer"

    def __init__(self, *args, state, **kwargs):
        self.state = state
        super().__init__(*args, directory=str(DOCS), **kwargs)

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        if path == '/__check__':
            return self.reply(HARNESS % json.dumps(self.state['pages']))
        file = DOCS / path.lstrip('/')
        if file.suffix == '.html' and file.is_file():
            return self.reply(with_spy(file.read_text(encoding='utf-8')))
        if not file.is_file():
            self.state['lost'].append(path)
        super().do_GET()

    def do_POST(self):
        self.state['answer'] = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        self.reply('')
        self.state['done'].set()

    def reply(self, text):
        body = text.encode()
        self.send_response(200)
        self.send_header('Content-Type', 'text/html; charset=utf-8')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        "Say nothing of each request"


def with_spy(page):
    "The page with `SPY` before its own scripts"
    head, tag, rest = page.partition('<head>')
    return head + tag + SPY + rest if tag else SPY + page


class Outline(HTMLParser):
    "What a screen reader goes by: language, headings, landmarks, texts of pictures"

    def __init__(self, text):
        super().__init__()
        self.problems, self.levels, self.lands = [], [], []
        self.has_icon = False
        self.feed(text)
        if 'main' not in self.lands:
            self.problems.append('it has no main part')
        if not self.has_icon:
            self.problems.append('it has no icon, so that the browser asks for favicon.ico')
        if self.levels.count(1) != 1 or self.levels[0] != 1:
            self.problems.append('it does not begin with its one heading of the first level')

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.lands.append(tag)
        self.has_icon |= tag == 'link' and attributes.get('rel') == 'icon'
        if tag == 'html' and not attributes.get('lang'):
            self.problems.append('it does not say its language')
        if tag == 'img' and not attributes.get('alt'):
            self.problems.append('a picture has no text')
        if tag == 'nav' and not attributes.get('aria-label'):
            self.problems.append('a list of links has no name')
        if re.fullmatch('h[1-6]', tag) and 'main' in self.lands:
            level = int(attributes.get('aria-level') or tag[1])
            if self.levels and level > self.levels[-1] + 1:
                self.problems.append(f'a heading of level {level} follows one of {self.levels[-1]}')
            self.levels.append(level)


def lost_readers(pages):
    "What a screen reader would stumble over, page by page; of a site by smalldocs, Quarto has its own"
    for page in pages:
        text = (DOCS / page).read_text(encoding='utf-8')
        if 'content="smalldocs' in text:
            yield from (f'{page}: {p}' for p in dict.fromkeys(Outline(text).problems))


class Links(HTMLParser):
    "The ids of a page, where it links to, and what it loads from elsewhere"

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.foreign = set(), set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids |= {attributes[k] for k in ('id', 'name') if attributes.get(k)}
        if tag == 'a' and attributes.get('href'):
            self.links.add(html.unescape(attributes['href']))
        loaded = attributes.get('src') or (
            tag == 'link' and attributes.get('rel') == 'stylesheet' and attributes.get('href')
        )
        if loaded and urlsplit(loaded).netloc:
            self.foreign.add(loaded)


def list_words(text):
    "The words of a text, without markup"
    return re.findall(r'\w+', html.unescape(re.sub(r'<[^>]*>', ' ', text)))


def lost_openings(notebooks):
    "Pages without what follows title and subtitle in their notebook's first cell; nbdev drops that by itself"
    for name in notebooks:
        cell = json.loads((ROOT / 'nbs' / name).read_text(encoding='utf-8'))['cells'][0]
        source = ''.join(cell['source'])
        head = HEAD.match(source)
        rest = source[head.end() :] if head else ''
        opening = ' '.join(list_words(re.sub(r'\]\([^)]*\)|^```\w*', '', rest, flags=re.M))[:4])
        page = DOCS / page_name(Path(name)).with_suffix('.html')
        if opening and page.is_file():
            if opening not in ' '.join(list_words(page.read_text(encoding='utf-8'))):
                yield f'{page.relative_to(DOCS)}: its opening is lost: {opening} …'


def broken_links(pages):
    "Links inside the site to a page, file or heading that is not there, and loads from outside"
    parsed = {p: Links((DOCS / p).read_text(encoding='utf-8')) for p in pages}
    for page, found in parsed.items():
        for address in sorted(found.foreign):
            yield f'{page}: loads {address} from outside the site'
        for link in sorted(found.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = Path(
                os.path.normpath(
                    DOCS / page if not parts.path else (DOCS / page).parent / unquote(parts.path)
                )
            )
            if target.is_dir():
                target = target / 'index.html'
            name = os.path.relpath(target, DOCS)
            if not target.is_file():
                yield f'{page}: links to {link}, which is not there'
            elif (
                parts.fragment
                and name in parsed
                and unquote(parts.fragment) not in parsed[name].ids
            ):
                yield f'{page}: links to {link}, but {name} has no such heading'


def browse(browser, address, done=None, *options):
    "Open `address` until `done` is set or, without one, until the browser ends; False when patience ran out"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [browser, *QUIET, f'--user-data-dir={profile}', *options, address]
        # Where there is nothing to wait for, the debugging port keeps the headless browser open.
        if done:
            command.insert(1, '--remote-debugging-port=0')
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            return done.wait(PATIENCE) if done else process.wait(PATIENCE) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


def what_is_wrong(state):
    "Problems in what the browser saw"
    answer = state['answer']
    for page, saw in answer['seen'].items():
        if not saw['heading'].strip():
            yield f'{page}: no heading'
        if saw['letters'] < 80:
            yield f'{page}: only {saw["letters"]} letters of content'
        if saw['beside'] > 0:
            yield f'{page}: {saw["beside"]} pixels of it are beside the screen of a phone'
        for part in saw['stuck'][:3]:
            yield f'{page}: the keyboard cannot scroll {part!r}'
        for src in saw['dark']:
            yield f'{page}: the picture {src} did not load'
    yield from answer['errors']
    for path in state['lost']:
        yield f'{path}: asked for, not there'


def main():
    parser = argparse.ArgumentParser(description='Open every page of _docs in headless Chromium.')
    parser.add_argument(
        '--screenshots', type=Path, help='also take a picture of each page, into this folder'
    )
    options = parser.parse_args()
    pages = sorted(p.relative_to(DOCS).as_posix() for p in DOCS.rglob('*.html'))
    if not pages:
        sys.exit('docs: _docs is empty, run make docs')
    wanted = {page_name(Path(p)).with_suffix('.html').as_posix() for p in sidebar.notebooks()}
    problems = [f'{p}: the notebook has no page' for p in sorted(wanted - set(pages))] + [
        *broken_links(pages),
        *lost_readers(pages),
        *lost_openings(sidebar.notebooks()),
    ]
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser:
        state = {'pages': pages, 'lost': [], 'answer': None, 'done': threading.Event()}
        server = ThreadingHTTPServer(('127.0.0.1', 0), partial(Site, state=state))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        home = f'http://127.0.0.1:{server.server_port}/'
        if browse(browser, home + '__check__', state['done']):
            problems += what_is_wrong(state)
        else:
            problems.append(
                f'the browser did not open all {len(pages)} pages in {PATIENCE} seconds'
            )
        for page in pages if options.screenshots else ():
            picture = options.screenshots.absolute() / (page.replace('/', '-')[:-5] + '.png')
            browse(browser, home + page, None, f'--screenshot={picture}', '--window-size=1300,1600')
        server.shutdown()
    if problems:
        sys.exit('\n'.join(f'docs: {p}' for p in dict.fromkeys(problems)))
    if browser:
        return print(
            f'docs: {len(pages)} pages opened in {Path(browser).name}, no error, no broken link'
        )
    print(
        f'docs: {len(pages)} pages, no broken link; not opened, for no Chromium or Chrome was found here'
    )
    sys.exit(NO_BROWSER)


if __name__ == '__main__':
    main()
