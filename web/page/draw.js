// Pictures of numbers on canvases.

/// The colour that a custom property has now, as [r, g, b].
function colour(name) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const hex = text.replace('#', '');
  return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

const NEGATIVE = [42, 120, 214];
const POSITIVE = [235, 104, 52];

const grey = (x) => Array(3).fill(Math.round(255 * Math.min(1, Math.max(0, x))));

/// From blue over the panel's colour to orange.
function signed(x, largest) {
  const middle = colour('--panel');
  const share = largest > 0 ? Math.min(1, Math.abs(x) / largest) : 0;
  const end = x < 0 ? NEGATIVE : POSITIVE;
  return middle.map((m, i) => Math.round(m + share * (end[i] - m)));
}

/// Tiles of height × width, as many columns as make the whole about `shape` times as wide as high.
export function tiles(canvas, { count, height, width, at, scale, shape = 1.6, columns }) {
  const gap = 1;
  const wide = columns ?? Math.max(1, Math.round(Math.sqrt((count * shape * (height + gap)) / (width + gap))));
  const across = Math.min(count, wide);
  const down = Math.ceil(count / across);
  const [w, h] = [across * (width + gap) + gap, down * (height + gap) + gap];
  canvas.width = w;
  canvas.height = h;
  const image = new ImageData(w, h);
  const ground = colour('--panel');
  const paint = scale ? (x) => signed(x, scale) : grey;
  for (let i = 0; i < w * h; i++) image.data.set([...ground, 255], 4 * i);
  for (let tile = 0; tile < count; tile++) {
    const top = gap + Math.floor(tile / across) * (height + gap);
    const left = gap + (tile % across) * (width + gap);
    for (let r = 0; r < height; r++) {
      for (let c = 0; c < width; c++) {
        image.data.set([...paint(at(tile, r * width + c)), 255], 4 * ((top + r) * w + left + c));
      }
    }
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
}

/// One picture of values in [0, 1]; where `known` says 0, grey stripes.
export function picture(canvas, { height, width, values, known, cursor }) {
  const size = Math.max(1, Math.floor(224 / Math.max(height, width)));
  canvas.width = width * size;
  canvas.height = height * size;
  const context = canvas.getContext('2d');
  for (let r = 0; r < height; r++) {
    for (let c = 0; c < width; c++) {
      const i = r * width + c;
      const unknown = known && !known[i];
      context.fillStyle = unknown ? '#7f7f7f' : `rgb(${grey(values[i]).join()})`;
      context.fillRect(c * size, r * size, size, size);
      if (unknown && size > 6) {
        context.strokeStyle = '#929292';
        context.beginPath();
        context.moveTo(c * size, (r + 1) * size);
        context.lineTo((c + 1) * size, r * size);
        context.stroke();
      }
    }
  }
  if (cursor !== undefined) {
    context.strokeStyle = '#eb6834';
    context.lineWidth = Math.max(2, size / 10);
    context.strokeRect((cursor % width) * size + 1, Math.floor(cursor / width) * size + 1, size - 2, size - 2);
  }
}

/// A curve over epochs, with its first and last value and its largest and smallest written beside it.
export function curve(canvas, points) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = Math.round(w * ratio);
  canvas.height = Math.round(h * ratio);
  const context = canvas.getContext('2d');
  context.scale(ratio, ratio);
  const [ink, line, accent] = ['--quiet', '--line', '--accent'].map((name) => `rgb(${colour(name).join()})`);
  const [left, right, top, bottom] = [52, w - 8, 8, h - 24];
  context.font = '12px system-ui, sans-serif';
  context.fillStyle = ink;
  context.strokeStyle = line;
  context.strokeRect(left, top, right - left, bottom - top);
  if (points.length === 0) {
    context.fillText('press Train', left + 12, top + 24);
    return;
  }
  const errors = points.map((point) => point.error);
  const [most, least] = [Math.max(...errors), Math.min(...errors)];
  const last = Math.max(points.at(-1).epoch, 1);
  const x = (epoch) => left + ((right - left) * epoch) / last;
  const y = (error) => bottom - ((bottom - top) * (error - least)) / Math.max(most - least, 1e-9);
  context.textAlign = 'right';
  context.fillText(most.toFixed(2), left - 6, top + 10);
  context.fillText(least.toFixed(2), left - 6, bottom);
  context.fillText(`epoch ${last}`, right, h - 6);
  context.textAlign = 'left';
  context.fillText('0', left, h - 6);
  context.strokeStyle = accent;
  context.lineWidth = 2;
  context.beginPath();
  points.forEach((point, i) => context[i ? 'lineTo' : 'moveTo'](x(point.epoch), y(point.error)));
  context.stroke();
}
