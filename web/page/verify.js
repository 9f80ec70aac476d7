// Holds the browser's GPU against the CPU path, and offers the report.
import start, { Opened } from './harmonium_web.js';

const byId = (id) => document.getElementById(id);

function fail(error) {
  byId('trouble').textContent = error?.message ?? String(error);
  byId('trouble').hidden = false;
  byId('said').textContent = '';
  console.error(error);
}

/// What a kernel's cases came to.
function verdictOf(failed, allowed) {
  if (failed === 0) return 'ok';
  return failed === allowed ? `${failed} differ, allowed by WGSL` : `${failed} failed`;
}

function row({ kernel, cases, failed, allowed, worst, worst_case, detail }) {
  const cells = [kernel, cases, worst === null ? '–' : worst < 1e4 ? worst.toFixed(3) : worst.toExponential(1), verdictOf(failed, allowed), detail ? `${worst_case}: ${detail}` : worst_case];
  const element = document.createElement('tr');
  cells.forEach((text, i) => {
    const cell = document.createElement('td');
    cell.textContent = text;
    if (i === 1 || i === 2) cell.className = 'number';
    if (i === 3 && failed > allowed) cell.className = 'failed';
    element.append(cell);
  });
  return element;
}

function verdict(kernels) {
  const wrong = kernels.filter(({ failed }) => failed > 0);
  if (wrong.length === 0) return 'all agree with the CPU path';
  if (!wrong.every(({ failed, allowed }) => failed === allowed)) return 'some disagree: results of this GPU cannot be trusted';
  return `${wrong.length} of which disagree, only in numbers that are not finite or subnormal, which WGSL leaves to the browser: finite results can be trusted, and divergence may be seen late`;
}

async function verify(device) {
  let kernels = 0;
  const begin = performance.now();
  const text = await device.verify(async (kernel) => {
    kernels += 1;
    byId('said').textContent = `${device.name()}: ${kernel} …`;
    await new Promise(requestAnimationFrame);
  });
  const report = JSON.parse(text);
  report.browser = navigator.userAgent;
  const [found] = report.devices;
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  byId('table').hidden = false;
  byId('table').tBodies[0].replaceChildren(...found.kernels.map(row));
  byId('said').textContent = `${device.name()}: ${kernels} kernels in ${seconds} s, ${verdict(found.kernels)}`;
  return report;
}

function save(report) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([JSON.stringify(report, null, 2)], { type: 'application/json' }));
  link.download = 'harmonium-verify.json';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function begin() {
  await start();
  if (!navigator.gpu) throw new Error('This browser offers no WebGPU, so there is nothing to verify; the CPU path is the reference.');
  const device = await Opened.open('webgpu');
  byId('said').textContent = `${device.name()}: ready`;
  byId('go').disabled = false;
  byId('go').addEventListener('click', async () => {
    byId('go').disabled = true;
    try {
      window.report = await verify(device);
      byId('save').disabled = false;
    } catch (error) {
      fail(error);
    }
    byId('go').disabled = false;
  });
  byId('save').addEventListener('click', () => save(window.report));
}

begin().catch(fail);
