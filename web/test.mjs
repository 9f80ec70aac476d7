// Opens the page in headless Chromium and uses it as a visitor does; see scripts/test-web.
//
//   node web/test.mjs DIST CHROMIUM FOLDER NATIVE.json
//
// FOLDER gets the screenshots. NATIVE.json holds what the native CPU path made of the same training: reconstruction
// errors after each epoch.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { serve } from './serve.mjs';

const [dist, executablePath, folder, nativePath] = process.argv.slice(2);
const { server, address } = await serve(dist);
const native = JSON.parse(readFileSync(nativePath, 'utf8'));

const QUIET = [
  '--headless=new', '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];
const WEBGPU = ['--enable-unsafe-webgpu', '--enable-features=Vulkan,WebGPU', '--use-webgpu-adapter=swiftshader'];

/// A browser of its own, and what goes wrong in its pages.
async function browser(flags, options) {
  const profile = mkdtempSync(join(tmpdir(), 'harmonium-web-'));
  const context = await chromium.launchPersistentContext(profile, { executablePath, args: [...QUIET, ...flags], ...options });
  const close = async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  };
  return { context, close };
}

const problems = [];
/// What Chromium itself says where a page asks for an adapter and there is none.
const NO_ADAPTER = 'No available adapters.';
const requests = new Set();

async function open(context, path) {
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  page.on('console', (message) => {
    const known = path.includes('device=auto') && message.text() === NO_ADAPTER;
    if (['error', 'warning'].includes(message.type()) && !known) problems.push(`${path}: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`${path}: ${error.message}`));
  page.on('request', (request) => requests.add(request.url()));
  await page.goto(address + path);
  return page;
}

/// The page once it shows its first pictures.
async function ready(context, path) {
  const page = await open(context, path);
  await page.waitForSelector('html[data-ready="true"]');
  return page;
}

/// How many colours a canvas shows, a coarse look at whether it is blank.
const colours = (page, id) => page.evaluate((id) => {
  const canvas = document.getElementById(id);
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
  return seen.size;
}, id);

const settled = (page) => page.evaluate(() => window.harmonium.inTurn(async () => {}));
const points = (page) => page.evaluate(() => window.harmonium.machine.points);

/// Two epochs by the button; the errors must be those of the native CPU path. Before training to the rounding of the
/// kernels' sums, some hundred ulps. Afterwards a draw whose probability is within an ulp of its number may have fallen
/// the other way: of 400,000 draws one in 30 runs does; it moves a unit's weights by rate / batch, a thousandth.
async function trains(page, name) {
  for (let epoch = 1; epoch <= 2; epoch++) {
    await page.click('#step');
    await page.waitForFunction((n) => window.harmonium.machine.points.at(-1).epoch === n && !window.harmonium.machine.running, epoch);
  }
  const found = await points(page);
  assert.deepEqual(found.map((point) => point.epoch), [0, 1, 2]);
  found.forEach(({ error }, i) => {
    const [expected, tolerance] = [native.errors[i], i === 0 ? 1e-5 : 1e-3];
    assert.ok(Math.abs(error - expected) <= tolerance * expected, `${name}: error ${error} after epoch ${i}, natively ${expected}`);
  });
  for (const id of ['errors', 'filters', 'dreams', 'known', 'completed']) {
    assert.ok(await colours(page, id) > 5 - 3 * (id === 'known'), `${name}: ${id} is blank`);
  }
  console.log(`${name}: errors ${found.map((p) => p.error.toFixed(6)).join(', ')}; natively ${native.errors.map((e) => e.toFixed(6)).join(', ')}`);
  return found;
}

/// A drawing of a one classifies as one; so do digits of the test part, nearly all.
async function classifies(page) {
  await page.click('#tab-lenet');
  const box = await page.locator('#paper').boundingBox();
  const at = (x, y) => [box.x + x * box.width, box.y + y * box.height];
  await page.mouse.move(...at(0.5, 0.1));
  await page.mouse.down();
  for (let i = 1; i <= 20; i++) await page.mouse.move(...at(0.5, 0.1 + 0.04 * i));
  await page.mouse.up();
  await settled(page);
  const answer = await page.textContent('#answer');
  assert.match(answer, /^This is a 1 /, answer);
  assert.equal(await page.locator('#probabilities li').count(), 10);
  const layers = await page.locator('#layers figcaption').allTextContents();
  assert.ok(layers.length >= 7, layers.join('; '));
  console.log(`a drawn stroke: ${answer} through ${layers.length} layers`);
  await page.click('#example');
  await settled(page);
  await page.screenshot({ path: join(folder, 'lenet-light.png'), fullPage: true });
  await page.click('#tab-machine');
}

/// The model goes out, comes in, and is what it was; a broken one is refused in words, and the page goes on.
async function keepsModels(page) {
  const before = await page.evaluate(async () => Array.from(await window.harmonium.inTurn(() => window.harmonium.machine.lab.weights())));
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#export')]);
  const path = join(folder, 'model.safetensors');
  await download.saveAs(path);
  await page.click('#restart');
  await settled(page);
  await page.setInputFiles('#file', path);
  await page.waitForFunction(() => document.getElementById('said').textContent.includes('a machine of'));
  await settled(page);
  const after = await page.evaluate(async () => Array.from(await window.harmonium.inTurn(() => window.harmonium.machine.lab.weights())));
  assert.deepEqual(after, before);
  const expected = problems.length;
  writeFileSync(join(folder, 'broken.safetensors'), readFileSync(path).subarray(0, 400));
  await page.setInputFiles('#file', join(folder, 'broken.safetensors'));
  await page.waitForSelector('#trouble:not([hidden])');
  const said = await page.textContent('#trouble');
  assert.match(said, /broken\.safetensors.*truncated/s, said);
  // The console was told of this one on purpose.
  problems.splice(expected, 1);
  return path;
}

/// Half a digit is completed: known pixels stay, and others are no constant.
async function completes(page) {
  await page.click('#clear');
  const box = await page.locator('#known').boundingBox();
  await page.mouse.move(box.x + box.width * 0.45, box.y + 4);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.45, box.y + box.height * 0.5, { steps: 12 });
  await page.mouse.up();
  await settled(page);
  const { known, values, completion } = await page.evaluate(() => {
    const { known, values, completion } = window.harmonium.machine;
    return { known: [...known], values: [...values], completion: [...completion] };
  });
  const held = known.map((k, i) => [k, i]).filter(([k]) => k).map(([, i]) => i);
  assert.ok(held.length >= 4, `${held.length} pixels were drawn`);
  for (const i of held) assert.ok(Math.abs(completion[i] - values[i]) < 1e-6, `pixel ${i} is not held`);
  assert.ok(new Set(completion.map((x) => x.toFixed(2))).size > 10, 'nothing was completed');
  await page.focus('#known');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Space');
  await settled(page);
  assert.ok(await page.evaluate(() => window.harmonium.machine.known[window.harmonium.machine.width] === 1), 'the keyboard sets a pixel');
}

/// Data of the visitor's own.
async function takesFiles(page) {
  const rows = Array.from({ length: 40 }, (_, i) => Array.from({ length: 9 }, (_, j) => ((i + j) % 3 === 0 ? 1 : 0)).join());
  const path = join(folder, 'stripes.csv');
  writeFileSync(path, `${rows.join('\n')}\n`);
  await page.setInputFiles('#file', path);
  await page.waitForFunction(() => document.getElementById('data-name').textContent.includes('stripes.csv'));
  await settled(page);
  const name = await page.textContent('#data-name');
  assert.match(name, /40 cases of 3×3/, name);
  await page.click('#step');
  await page.waitForFunction(() => window.harmonium.machine.points.at(-1).epoch === 1);
}

/// It learns, and while it does the page answers: a pause takes effect at once.
async function learnsAndPauses(page, name) {
  await page.click('#run');
  await page.waitForFunction(() => window.harmonium.machine.points.at(-1).epoch >= 30);
  const [first, last] = (await points(page)).filter((_, i, all) => i === 0 || i === all.length - 1);
  assert.ok(last.error < 0.8 * first.error, `${name} does not learn: ${JSON.stringify([first, last])}`);
  const begin = Date.now();
  await page.click('#run');
  await page.waitForFunction(() => document.getElementById('run').textContent === 'Train');
  await settled(page);
  assert.ok(Date.now() - begin < 10_000, `a pause took ${Date.now() - begin} ms`);
}

async function onSwiftShader() {
  const { context, close } = await browser(WEBGPU, { viewport: { width: 1280, height: 900 }, colorScheme: 'light' });
  const page = await ready(context, '?device=webgpu');
  const name = await page.textContent('#device-name');
  assert.match(name, /webgpu/, name);
  console.log(`the page's device: ${name}`);
  await trains(page, 'WebGPU');
  await learnsAndPauses(page, 'WebGPU');
  await page.screenshot({ path: join(folder, 'machine-light.png'), fullPage: true });
  await completes(page);
  await classifies(page);
  await keepsModels(page);
  await takesFiles(page);
  await page.close();
  if (process.env.HARMONIUM_WEB_VERIFY !== '0') await verifies(context);
  await close();
}

async function verifies(context) {
  const page = await open(context, 'verify.html');
  page.setDefaultTimeout(1_500_000);
  await page.waitForSelector('#go:enabled');
  const begin = Date.now();
  await page.click('#go');
  await page.waitForSelector('#save:enabled');
  const report = await page.evaluate(() => window.report);
  writeFileSync(join(folder, 'verify.json'), JSON.stringify(report, null, 2));
  const [device] = report.devices;
  assert.deepEqual(device.kernels.filter((kernel) => kernel.failed > 0), [], 'kernels that disagree with the CPU path');
  assert.equal(device.verdict, 'passed');
  assert.ok(device.kernels.length >= 40, `${device.kernels.length} kernels`);
  const cases = device.kernels.reduce((sum, kernel) => sum + kernel.cases, 0);
  console.log(`verify in the browser: ${device.kernels.length} kernels, ${cases} cases, ${device.verdict} in ${((Date.now() - begin) / 1000).toFixed(0)} s`);
  await page.screenshot({ path: join(folder, 'verify.png'), fullPage: true });
  await page.close();
}

/// Without WebGPU: a notice, and the same training.
async function onTheCpu() {
  const { context, close } = await browser(['--disable-features=WebGPU', '--disable-gpu'], { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' });
  const begin = Date.now();
  const page = await ready(context, '?device=auto');
  console.log(`first pictures on the CPU after ${Date.now() - begin} ms`);
  assert.match(await page.textContent('#device-name'), /CPU/);
  assert.match(await page.textContent('#no-gpu'), /CPU does the work/);
  await trains(page, 'the CPU in the page');
  await learnsAndPauses(page, 'the CPU in the page');
  await page.screenshot({ path: join(folder, 'machine-dark.png'), fullPage: true });
  await page.click('#tab-lenet');
  await page.click('#example');
  await settled(page);
  await page.screenshot({ path: join(folder, 'lenet-dark.png'), fullPage: true });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: join(folder, 'lenet-phone.png'), fullPage: true });
  await page.click('#tab-machine');
  await settled(page);
  await page.screenshot({ path: join(folder, 'machine-phone.png'), fullPage: true });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} pixels wider than a phone`);
  const unnamed = await page.evaluate(() => [...document.querySelectorAll('button, input, select, canvas')]
    .filter((element) => !(element.labels?.length || element.getAttribute('aria-label') || element.textContent.trim()))
    .map((element) => element.id || element.outerHTML));
  assert.deepEqual(unnamed, [], 'controls without a name');
  await close();
}

await onTheCpu();
await onSwiftShader();
const foreign = [...requests].filter((url) => !url.startsWith(address) && !url.startsWith('blob:') && !url.startsWith('data:'));
assert.deepEqual(foreign, [], 'requests to elsewhere');
assert.deepEqual(problems, [], 'errors and warnings on the console');
server.close();
console.log('the page works');
