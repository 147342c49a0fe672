/**
 * The handler's binary as the package may carry it.
 *
 * In: `lambda/<architecture>/bootstrap`. Out: its facts, and the file made executable, its hash beside it.
 * Fails where the file is no program for that processor, or asks for a newer C library than Lambda has.
 */
import { createHash } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the ELF header says of the processor. */
const MACHINES = { x86_64: 0x3e, arm64: 0xb7 };

/** The C library of the runtime `provided.al2023`. */
const GLIBC_CEILING = [2, 34];

export function checkBinary(lambdaFolder, architecture) {
  const file = join(lambdaFolder, architecture, 'bootstrap');
  const bytes = readFileSync(file);
  const glibc = newestGlibc(bytes);
  const faults = [
    ...elfFaults(bytes, architecture),
    ...(isNewer(glibc, GLIBC_CEILING)
      ? [`needs glibc ${glibc.join('.')}, but Lambda has ${GLIBC_CEILING.join('.')}`]
      : []),
  ];
  if (faults.length > 0) {
    throw new Error(`${file} ${faults.join('; it ')}`);
  }
  chmodSync(file, 0o755);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(`${file}.sha256`, `${sha256}  bootstrap\n`);
  return { architecture, bytes: bytes.length, glibc: glibc.join('.'), sha256 };
}

function elfFaults(bytes, architecture) {
  const isElf = bytes.length > 20 && bytes.subarray(0, 4).equals(Buffer.from('\x7fELF', 'latin1'));
  if (!isElf) {
    return ['is no ELF file'];
  }
  const machine = bytes.readUInt16LE(18);
  return machine === MACHINES[architecture] ? [] : [`is for ELF machine ${machine}, not for ${architecture}`];
}

/** The newest version of glibc that any symbol asks for; 0.0 for a static program. */
function newestGlibc(bytes) {
  const versions = [...bytes.toString('latin1').matchAll(/GLIBC_(\d+)\.(\d+)/g)];
  return versions
    .map(([, major, minor]) => [Number(major), Number(minor)])
    .reduce((newest, version) => (isNewer(version, newest) ? version : newest), [0, 0]);
}

function isNewer(one, other) {
  return one[0] > other[0] || (one[0] === other[0] && one[1] > other[1]);
}
