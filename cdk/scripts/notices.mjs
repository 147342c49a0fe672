/**
 * Writes the notices of exactly the crates that are linked into the handler for one target.
 *
 * In: a Rust target triple. Out, on stdout: each crate with its version, licence and origin, and every licence and
 * notice text that it ships, each text once. Fails where a crate declares no licence.
 */
import { execFileSync } from 'child_process';
import * as fs from 'fs';
import * as path from 'path';

const NOTICE_FILE = /^(licen[cs]e|notice|copying|copyright|authors)/i;
const OURS = 'handler';

const target = process.argv[2];
if (!target) {
  throw new Error('usage: notices.mjs <target triple>');
}
const crates = linked(target);
const texts = new Map();
for (const crate of crates) {
  for (const text of notices(path.dirname(crate.manifest_path))) {
    texts.set(text, [...(texts.get(text) ?? []), `${crate.name} ${crate.version}`]);
  }
}

const lines = ['The binary links these libraries:', ''];
for (const crate of crates) {
  lines.push(`${crate.name} ${crate.version}, ${licence(crate)}${crate.repository ? `, ${crate.repository}` : ''}`);
}
for (const [text, users] of texts) {
  lines.push('', '='.repeat(80), users.join(', '), '='.repeat(80), '', text);
}
process.stdout.write(lines.join('\n') + '\n');

function linked(triple) {
  const named = cargo(
    'tree',
    '--package',
    OURS,
    '--edges',
    'normal,no-proc-macro',
    '--target',
    triple,
    '--prefix',
    'none',
    '--format',
    '{p}',
  );
  const wanted = new Set(
    named
      .split('\n')
      .map((line) => line.split(' ').slice(0, 2).join(' v').replace('vv', 'v'))
      .filter((name) => name && !name.startsWith(`${OURS} `)),
  );
  return JSON.parse(cargo('metadata', '--format-version', '1', '--filter-platform', triple))
    .packages.filter((crate) => wanted.has(`${crate.name} v${crate.version}`))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function licence(crate) {
  if (!crate.license) {
    throw new Error(`crate \`${crate.name}\` declares no licence`);
  }
  return crate.license;
}

function notices(folder) {
  return fs
    .readdirSync(folder)
    .filter((name) => NOTICE_FILE.test(name) && fs.statSync(path.join(folder, name)).isFile())
    .sort()
    .map((name) => fs.readFileSync(path.join(folder, name), 'utf8').trim());
}

function cargo(...args) {
  return execFileSync('cargo', [args[0], '--locked', ...args.slice(1)], { encoding: 'utf8', maxBuffer: 1 << 28 });
}
