// The second tab: LeNet-5 looks at a drawing.
import { Classifier, test_digit } from './harmonium_web.js';
import { tiles } from './draw.js';
import { strokes } from './strokes.js';

const byId = (id) => document.getElementById(id);
/// The digits that it was trained on have 8×8 pixels, each the mean of 4×4.
const SIDE = 8;
const FINE = 32;
const TEST_DIGITS = 297;

const WORDS = {
  input: 'what it sees',
  conv: 'convolution',
  subsample: 'subsampling',
  pool: 'pooling',
  linear: 'full connection',
};

export class LeNet {
  constructor({ inTurn, fail }) {
    Object.assign(this, { inTurn, fail, classifier: null, next: 0 });
    this.paper = byId('paper').getContext('2d', { willReadFrequently: true });
    this.wipe();
    this.listen();
  }

  open(device, file) {
    this.classifier?.free();
    this.classifier = Classifier.of_file(device, 'lenet5.safetensors', file);
  }

  wipe() {
    const { width, height } = byId('paper');
    this.paper.fillStyle = '#000';
    this.paper.fillRect(0, 0, width, height);
  }

  /// The drawing as the data have theirs: cut out, as high as the picture, 8×8 means.
  pixels() {
    const { width, height } = byId('paper');
    const { data } = this.paper.getImageData(0, 0, width, height);
    let [left, right, top, bottom] = [width, -1, height, -1];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (data[4 * (y * width + x)] < 64) continue;
        [left, right] = [Math.min(left, x), Math.max(right, x)];
        [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
      }
    }
    if (right < 0) return null;
    const [w, h] = [right - left + 1, bottom - top + 1];
    const scale = Math.min(FINE / h, FINE / w);
    const fine = new OffscreenCanvas(FINE, FINE);
    const context = fine.getContext('2d', { willReadFrequently: true });
    context.fillRect(0, 0, FINE, FINE);
    context.imageSmoothingQuality = 'high';
    const [wide, high] = [w * scale, h * scale];
    context.drawImage(byId('paper'), left, top, w, h, (FINE - wide) / 2, (FINE - high) / 2, wide, high);
    const small = context.getImageData(0, 0, FINE, FINE).data;
    const pixels = new Float32Array(SIDE * SIDE);
    const step = FINE / SIDE;
    for (let y = 0; y < FINE; y++) {
      for (let x = 0; x < FINE; x++) {
        const at = Math.floor(y / step) * SIDE + Math.floor(x / step);
        pixels[at] += small[4 * (y * FINE + x)] / (255 * step * step);
      }
    }
    return pixels;
  }

  async classify(pixels) {
    if (!pixels) {
      byId('answer').textContent = 'Nothing drawn yet.';
      byId('probabilities').replaceChildren();
      byId('layers').replaceChildren();
      return;
    }
    const seen = JSON.parse(await this.classifier.classify(pixels, SIDE, SIDE));
    const best = seen.probabilities.indexOf(Math.max(...seen.probabilities));
    byId('answer').textContent = `This is a ${seen.classes[best]} (${(100 * seen.probabilities[best]).toFixed(0)} %).`;
    byId('probabilities').replaceChildren(...seen.classes.map((name, i) => bar(name, seen.probabilities[i])));
    byId('layers').replaceChildren(...seen.layers.map(figure));
    this.seen = seen;
  }

  example() {
    // Digits of the test part, which it has not learnt from; 7 and their number have no common divisor.
    const pixels = test_digit((7 * this.next++) % TEST_DIGITS);
    const { width, height } = byId('paper');
    this.wipe();
    const [w, h] = [width / SIDE, height / SIDE];
    pixels.forEach((x, i) => {
      this.paper.fillStyle = `rgb(${Array(3).fill(Math.round(255 * x)).join()})`;
      this.paper.fillRect((i % SIDE) * w, Math.floor(i / SIDE) * h, w, h);
    });
    return this.inTurn(() => this.classify(pixels)).catch(this.fail);
  }

  listen() {
    const paper = byId('paper');
    strokes(paper, (x, y, [x0, y0]) => {
      Object.assign(this.paper, { strokeStyle: '#fff', lineWidth: 26, lineCap: 'round', lineJoin: 'round' });
      this.paper.beginPath();
      this.paper.moveTo(x0 * paper.width, y0 * paper.height);
      this.paper.lineTo(x * paper.width + 0.01, y * paper.height);
      this.paper.stroke();
    }, () => this.inTurn(() => this.classify(this.pixels())).catch(this.fail));
    byId('wipe').addEventListener('click', () => {
      this.wipe();
      this.inTurn(() => this.classify(null)).catch(this.fail);
    });
    byId('example').addEventListener('click', () => this.example());
    paper.addEventListener('keydown', (event) => {
      if (event.key.toLowerCase() === 'e') this.example();
    });
  }
}

function bar(name, probability) {
  const item = document.createElement('li');
  const percent = (100 * probability).toFixed(1);
  item.innerHTML = '<span></span><span class="bar"><span></span></span><span></span>';
  item.children[0].textContent = name;
  item.children[1].firstChild.style.width = `${percent}%`;
  item.children[2].textContent = `${percent} %`;
  return item;
}

function figure({ name, count, height, width, values }) {
  const element = document.createElement('figure');
  const caption = document.createElement('figcaption');
  const canvas = document.createElement('canvas');
  const kind = WORDS[name.replace(/\d+$/, '')] ?? '';
  const sizes = height * width === 1 ? `${count} units` : `${count} ${count === 1 ? 'map' : 'maps'} of ${height}×${width}`;
  caption.textContent = name === 'input' ? `${kind}: ${height}×${width}` : `${name}: ${kind}, ${sizes}`;
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', caption.textContent);
  const size = height * width;
  let scale = 0;
  for (const value of values) scale = Math.max(scale, Math.abs(value));
  const columns = size === 1 ? Math.min(count, 42) : Math.min(count, 8);
  tiles(canvas, { count, height, width, at: (map, pixel) => values[map * size + pixel], scale, columns });
  canvas.style.maxWidth = `${Math.min(40, columns * (size === 1 ? 0.9 : 5))}rem`;
  element.append(caption, canvas);
  return element;
}
