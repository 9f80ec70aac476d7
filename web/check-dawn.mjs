// Compiles every shader with every variant of a list in Dawn, the WebGPU of Chrome, without a driver. naga accepts what
// Dawn refuses, and Chrome's visitors would be the first to know.
//
//   node web/check-dawn.mjs SHADERS.json
import { readFileSync } from 'node:fs';
import { create, globals } from 'webgpu';

Object.assign(globalThis, globals);

/// What Dawn says against a pipeline; null where nothing.
async function refusal(device, module, constants) {
  device.pushErrorScope('validation');
  try {
    device.createComputePipeline({
      layout: 'auto',
      compute: { module, entryPoint: 'main', constants },
    });
  } catch (error) {
    await device.popErrorScope();
    return error.message;
  }
  return (await device.popErrorScope())?.message ?? null;
}

/// What is wrong with a shader, a line for each message or variant.
async function problems(device, { source, variants }) {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code: source });
  const refused = await device.popErrorScope();
  const { messages } = await module.getCompilationInfo();
  const said = messages.map((m) => `line ${m.lineNum}: ${m.type}: ${m.message}`);
  if (refused) return said.length ? said : [refused.message];
  for (const constants of variants) {
    const why = await refusal(device, module, constants);
    if (why) said.push(`with ${JSON.stringify(constants)}: ${why}`);
  }
  return said;
}

// Kept to the end: Dawn goes down with the last handle on it.
globalThis.gpu = create(['backend=null']);
const adapter = await globalThis.gpu.requestAdapter();
if (!adapter) throw new Error('this build of Dawn has no null backend');
const device = await adapter.requestDevice();

// What must be refused, so that a validator that lets everything pass is noticed.
const wrong = { source: '@compute @workgroup_size(1) fn main() { var x = -3.4028235e38; }', variants: [{}] };
if ((await problems(device, wrong)).length === 0) throw new Error('Dawn lets a constant pass that no f32 holds');

const shaders = JSON.parse(readFileSync(process.argv[2], 'utf8'));
let pipelines = 0;
let failed = 0;
for (const shader of shaders) {
  const found = await problems(device, shader);
  pipelines += shader.variants.length;
  failed += found.length > 0 ? 1 : 0;
  for (const line of found) console.error(`${shader.name}: ${line}`);
}
if (shaders.length < 40) throw new Error(`only ${shaders.length} shaders in the list`);
console.log(`Dawn: ${shaders.length} shaders, ${pipelines} pipelines, ${failed} shaders refused`);
process.exit(failed > 0 ? 1 : 0);
