// The first tab: a machine that learns while it is looked at.
import { Lab, Wishes } from './harmonium_web.js';
import { curve, picture, tiles } from './draw.js';
import { strokes } from './strokes.js';

const byId = (id) => document.getElementById(id);
const FILTERS = 64;
const CHAINS = 36;
const DREAM_STEPS = 5;
const AVERAGED = 100;
/// Milliseconds of training between two looks at the page, and between two new pictures.
const SLICE = 25;
const PICTURES = 250;

export class Machine {
  /// `inTurn(work)` does one piece of work after the other; `fail(error)` tells of one that failed.
  constructor({ inTurn, fail }) {
    Object.assign(this, { inTurn, fail, lab: null, running: false, points: [], brush: 1, cursor: 0, slice: 1 });
    this.listen();
  }

  wishes() {
    const wishes = new Wishes();
    wishes.hidden = Number(byId('hidden').value);
    wishes.rate = this.rate();
    wishes.steps = Number(byId('steps').value);
    wishes.persistent = byId('persistent').checked;
    wishes.seed = Math.min(4294967295, Math.max(0, Math.trunc(Number(byId('seed').value) || 0)));
    return wishes;
  }

  rate() {
    return Number((10 ** Number(byId('rate').value)).toPrecision(2));
  }

  /// On a device, with the digits or with the file that was dropped last.
  async open(device) {
    this.device = device;
    await this.load(this.file);
  }

  async load(file) {
    const wishes = this.wishes();
    const lab = file
      ? Lab.of_file(this.device, file.name, file.bytes, wishes)
      : Lab.digits(this.device, wishes);
    this.lab?.free();
    this.file = file;
    this.lab = lab;
    const { cases, height, width } = this;
    const what = file ? `${file.name}: ${cases.toLocaleString('en')} cases` : `${cases.toLocaleString('en')} digits`;
    byId('data-name').textContent = `${what} of ${height}×${width} pixels`;
    byId('said').textContent = lab.notices();
    this.values = new Float32Array(height * width);
    this.known = new Uint8Array(height * width);
    this.halfOf(7);
    await this.begun();
  }

  get cases() { return this.lab.cases(); }
  get height() { return this.lab.height(); }
  get width() { return this.lab.width(); }

  async begun() {
    this.points = [];
    for (const id of ['run', 'step', 'restart', 'export']) byId(id).disabled = false;
    await this.measure();
    await this.look();
  }

  async measure() {
    const point = { epoch: this.lab.epochs(), error: await this.lab.error() };
    this.points.push(point);
    this.showErrors();
  }

  showErrors() {
    const last = this.points.at(-1);
    curve(byId('errors'), this.points);
    if (!last) return;
    const text = `${last.error.toFixed(3)} after ${last.epoch} ${last.epoch === 1 ? 'epoch' : 'epochs'}`;
    byId('error-now').textContent = text;
    byId('errors').setAttribute('aria-label', `Reconstruction error ${text}; at the start ${this.points[0].error.toFixed(3)}`);
  }

  /// New pictures of everything.
  async look() {
    const { lab, height, width } = this;
    const hidden = lab.hidden();
    const weights = await lab.weights();
    // A few large weights would leave the others pale.
    const sizes = weights.map(Math.abs).sort();
    const scale = Math.max(sizes[Math.floor(0.98 * (sizes.length - 1))], 1e-6);
    const count = Math.min(FILTERS, hidden);
    const at = (unit, pixel) => weights[pixel * hidden + unit];
    tiles(byId('filters'), { count, height, width, at, scale });
    byId('filters').setAttribute('aria-label', `The weights of ${count} of ${hidden} hidden units as pictures; 98 % of them are below ${scale.toFixed(2)}`);
    const dreams = await lab.dream(CHAINS, DREAM_STEPS);
    const size = height * width;
    tiles(byId('dreams'), { count: CHAINS, height, width, at: (chain, pixel) => dreams[chain * size + pixel] });
    await this.complete();
    this.looked = performance.now();
  }

  async complete() {
    const { lab, height, width, values, known } = this;
    this.showKnown();
    const completed = await lab.complete(values, known, AVERAGED);
    picture(byId('completed'), { height, width, values: completed });
    this.completion = completed;
  }

  showKnown() {
    const { height, width, values, known } = this;
    const cursor = document.activeElement === byId('known') ? this.cursor : undefined;
    picture(byId('known'), { height, width, values, known, cursor });
  }

  /// The upper half of a case; its lower half is unknown.
  halfOf(number) {
    const { height, width } = this;
    this.values.set(this.lab.case(number % this.cases));
    const half = Math.ceil(height / 2) * width;
    this.known.fill(0).fill(1, 0, height === 1 ? Math.ceil(width / 2) : half);
  }

  /// Trains until it is told to stop, in slices that leave the page to the visitor.
  async train(epochs = Infinity) {
    let left = epochs;
    try {
      while (this.running && left > 0) {
        await this.inTurn(async () => {
          const begin = performance.now();
          const ended = await this.lab.train(this.slice);
          const spent = performance.now() - begin;
          if (!ended) this.slice = Math.max(1, Math.min(500, Math.round((this.slice * SLICE) / Math.max(spent, 1))));
          if (ended) {
            left -= 1;
            if (this.lab.epochs() % Math.ceil(this.points.length / 200) === 0 || left <= 0) await this.measure();
          }
          if (performance.now() - (this.looked ?? 0) > PICTURES || left <= 0) await this.look();
        });
        await new Promise(requestAnimationFrame);
      }
    } catch (error) {
      this.fail(error);
    }
    this.setRunning(false);
  }

  setRunning(running) {
    this.running = running;
    byId('run').textContent = running ? 'Pause' : 'Train';
    byId('run').setAttribute('aria-pressed', running);
    byId('step').disabled = running;
  }

  /// Stops training and then does `work` in turn.
  after(work) {
    this.running = false;
    return this.inTurn(work).catch(this.fail);
  }

  restart() {
    return this.after(async () => {
      this.lab.restart(this.wishes());
      await this.begun();
    });
  }

  async take(file) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    return this.after(async () => {
      if (!file.name.toLowerCase().endsWith('.safetensors')) return this.load({ name: file.name, bytes });
      const hidden = this.lab.import(file.name, bytes);
      byId('hidden').value = hidden;
      byId('hidden-value').textContent = hidden;
      byId('said').textContent = [`${file.name}: a machine of ${hidden} hidden units`, this.lab.notices()].filter(Boolean).join('\n');
      await this.begun();
    });
  }

  async save() {
    const bytes = await this.lab.export();
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }));
    link.download = 'model.safetensors';
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  listen() {
    byId('run').addEventListener('click', () => {
      if (this.running) return this.setRunning(false);
      this.setRunning(true);
      this.train();
    });
    byId('step').addEventListener('click', () => {
      this.setRunning(true);
      this.train(1);
    });
    byId('restart').addEventListener('click', () => this.restart());
    byId('export').addEventListener('click', () => this.inTurn(() => this.save()).catch(this.fail));
    const shown = { hidden: () => byId('hidden').value, rate: () => this.rate(), steps: () => byId('steps').value };
    for (const [id, value] of Object.entries(shown)) {
      byId(id).addEventListener('input', () => { byId(`${id}-value`).textContent = value(); });
    }
    for (const id of ['hidden', 'rate', 'steps', 'persistent', 'seed']) {
      byId(id).addEventListener('change', () => this.lab && this.restart());
    }
    byId('file').addEventListener('change', (event) => {
      const [file] = event.target.files;
      if (file) this.take(file).finally(() => { event.target.value = ''; });
    });
    this.listenToDrops();
    this.listenToStrokes();
    window.addEventListener('resize', () => this.showErrors());
    window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      if (this.lab) this.inTurn(async () => { this.showErrors(); await this.look(); }).catch(this.fail);
    });
  }

  listenToDrops() {
    const drop = byId('drop');
    window.addEventListener('dragover', (event) => { event.preventDefault(); drop.classList.add('over'); });
    window.addEventListener('dragleave', () => drop.classList.remove('over'));
    window.addEventListener('drop', (event) => {
      event.preventDefault();
      drop.classList.remove('over');
      const [file] = event.dataTransfer.files;
      if (file) this.take(file);
    });
  }

  listenToStrokes() {
    const canvas = byId('known');
    const again = () => this.lab && this.inTurn(() => this.complete()).catch(this.fail);
    strokes(canvas, (x, y) => {
      const [column, row] = [Math.floor(x * this.width), Math.floor(y * this.height)];
      if (column < 0 || row < 0 || column >= this.width || row >= this.height) return;
      this.set(row * this.width + column);
    }, again);
    canvas.addEventListener('keydown', (event) => {
      const { width, height } = this;
      const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -width, ArrowDown: width };
      if (event.key in moves) {
        this.cursor = Math.min(width * height - 1, Math.max(0, this.cursor + moves[event.key]));
        this.showKnown();
      } else if (event.key === ' ' || event.key === 'Enter') {
        this.set(this.cursor);
        again();
      } else {
        return;
      }
      event.preventDefault();
    });
    for (const event of ['focus', 'blur']) canvas.addEventListener(event, () => this.lab && this.showKnown());
    const brushes = [...document.querySelectorAll('[data-brush]')];
    for (const button of brushes) {
      button.addEventListener('click', () => {
        this.brush = Number(button.dataset.brush);
        brushes.forEach((other) => other.setAttribute('aria-pressed', other === button));
      });
    }
    byId('half').addEventListener('click', () => {
      this.halfOf(Math.floor(Math.random() * this.cases));
      again();
    });
    byId('clear').addEventListener('click', () => {
      this.known.fill(0);
      again();
    });
  }

  set(pixel) {
    this.known[pixel] = this.brush < 0 ? 0 : 1;
    this.values[pixel] = this.brush > 0 ? 1 : 0;
    this.showKnown();
  }
}
