// A model file with its tensors as bf16, which `ModelFile` reads as well: half the bytes to send.
//
//   node web/shorten.mjs FROM TO
import { readFileSync, writeFileSync } from 'node:fs';

const [from, to] = process.argv.slice(2);
const file = readFileSync(from);
const length = Number(file.readBigUInt64LE(0));
const header = JSON.parse(file.subarray(8, 8 + length));
const data = file.subarray(8 + length);

/// f32 as bf16, the nearest; halfway to the even one.
function shortened(bytes) {
  const words = Buffer.alloc(bytes.length / 2);
  for (let i = 0; i < bytes.length; i += 4) {
    const bits = bytes.readUInt32LE(i);
    words.writeUInt16LE((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16, i / 2);
  }
  return words;
}

const parts = [];
let offset = 0;
for (const [name, tensor] of Object.entries(header)) {
  if (name === '__metadata__') continue;
  if (tensor.dtype !== 'F32') throw new Error(`${from}: ${name} is ${tensor.dtype}, expected F32`);
  const part = shortened(data.subarray(...tensor.data_offsets));
  header[name] = { ...tensor, dtype: 'BF16', data_offsets: [offset, offset + part.length] };
  parts.push(part);
  offset += part.length;
}
// A header is padded by spaces, so that the numbers behind it are aligned.
const text = JSON.stringify(header);
const padded = Buffer.from(text.padEnd(text.length + ((8 - (Buffer.byteLength(text) % 8)) % 8)));
const start = Buffer.alloc(8);
start.writeBigUInt64LE(BigInt(padded.length));
writeFileSync(to, Buffer.concat([start, padded, ...parts]));
