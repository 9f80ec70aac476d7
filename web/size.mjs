// Bytes of a folder's files as a server sends them, compressed by Brotli; an error where they are more than is allowed.
//
//   node web/size.mjs FOLDER MOST
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';

const [folder, most] = process.argv.slice(2);
const sizes = readdirSync(folder).map((name) => {
  const bytes = readFileSync(join(folder, name));
  return { name, plain: bytes.length, sent: brotliCompressSync(bytes).length };
});
const sum = (key) => sizes.reduce((total, file) => total + file[key], 0);
for (const { name, plain, sent } of sizes.sort((a, b) => b.sent - a.sent).slice(0, 3)) {
  console.log(`  ${name}: ${plain} bytes, ${sent} compressed`);
}
console.log(`${folder}: ${sum('plain')} bytes, ${sum('sent')} compressed`);
if (sum('sent') > Number(most)) {
  console.error(`the page is above ${most} bytes compressed: what grew, and does a visitor need it?`);
  process.exit(1);
}
