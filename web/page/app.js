// Starts the page: the program, the device, the tabs.
import start, { Opened } from './harmonium_web.js';
import { LeNet } from './lenet.js';
import { Machine } from './machine.js';

const byId = (id) => document.getElementById(id);

/// Tells of what went wrong, in the program's own words.
function fail(error) {
  byId('trouble').textContent = error?.message ?? String(error);
  byId('trouble').hidden = false;
  console.error(error);
}

let last = Promise.resolve();
/// One piece of work after the other: the program's objects take one call at a time.
function inTurn(work) {
  const mine = last.then(() => {
    byId('trouble').hidden = true;
    return work();
  });
  last = mine.catch(() => {});
  return mine;
}

const NO_WEBGPU = `This browser offers no WebGPU, so the CPU does the work: the same kernels, and the same results, more slowly.
Chrome and Edge have WebGPU from version 113 on (on Linux behind chrome://flags/#enable-unsafe-webgpu and --enable-features=Vulkan), Safari from 26, Firefox from 141 on Windows; it needs a secure context, https or localhost.`;
const NO_GPU = `This browser has WebGPU but gives no hardware adapter, so the CPU does the work: the same kernels, and the same results, more slowly.
A current graphics driver may help; chrome://gpu tells what the browser knows. A software adapter is taken if you choose “any WebGPU adapter”.`;

function tellOfDevice(device, asked) {
  byId('device-name').textContent = device.name();
  const told = byId('no-gpu');
  const notices = device.notices();
  told.hidden = device.kind() !== 'cpu' || asked === 'cpu';
  told.textContent = [navigator.gpu ? NO_GPU : NO_WEBGPU, notices].filter(Boolean).join('\n');
}

function listenToTabs() {
  const tabs = [...document.querySelectorAll('[role="tab"]')];
  const choose = (tab) => {
    for (const other of tabs) {
      const chosen = other === tab;
      other.setAttribute('aria-selected', chosen);
      other.tabIndex = chosen ? 0 : -1;
      byId(other.getAttribute('aria-controls')).hidden = !chosen;
    }
  };
  tabs.forEach((tab, i) => {
    tab.addEventListener('click', () => choose(tab));
    tab.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(i + step + tabs.length) % tabs.length];
      choose(next);
      next.focus();
    });
  });
}

async function begin() {
  listenToTabs();
  const machine = new Machine({ inTurn, fail });
  const lenet = new LeNet({ inTurn, fail });
  const [file] = await Promise.all([
    fetch('lenet5.safetensors').then(async (answer) => {
      if (!answer.ok) throw new Error(`lenet5.safetensors: ${answer.status}`);
      return new Uint8Array(await answer.arrayBuffer());
    }),
    start(),
  ]);
  const open = async (selector) => {
    const device = await Opened.open(selector);
    tellOfDevice(device, selector);
    lenet.open(device, file);
    await machine.open(device);
  };
  const select = byId('device');
  const asked = new URLSearchParams(location.search).get('device');
  if ([...select.options].some((option) => option.value === asked)) select.value = asked;
  select.addEventListener('change', () => machine.after(() => open(select.value)));
  await inTurn(() => open(select.value));
  document.documentElement.dataset.ready = 'true';
  // For the tests, and for whoever likes a console.
  window.harmonium = { machine, lenet, inTurn };
}

begin().catch(fail);
