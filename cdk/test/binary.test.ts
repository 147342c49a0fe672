/**
 * What may not be packed as the handler's binary.
 */
import { execFileSync } from 'child_process';
import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import { bootstrapCode } from '../src/bootstrap';
import * as lambda from 'aws-cdk-lib/aws-lambda';

const script = path.join(__dirname, '..', 'scripts', 'binary.mjs');

/** An ELF header for a processor, and the names of the symbol versions that the program asks for. */
function program(machine: number, ...versions: string[]): Buffer {
  const header = Buffer.alloc(64);
  header.write('\x7fELF', 'latin1');
  header.writeUInt16LE(machine, 18);
  return Buffer.concat([header, Buffer.from(versions.join('\0'))]);
}

function check(content: Buffer, architecture = 'x86_64'): { facts: Record<string, unknown>; mode: number } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lambda-'));
  try {
    const file = path.join(folder, architecture, 'bootstrap');
    fs.mkdirSync(path.dirname(file));
    fs.writeFileSync(file, content, { mode: 0o600 });
    const code = `import { checkBinary } from ${JSON.stringify(script)};
      console.log(JSON.stringify(checkBinary(${JSON.stringify(folder)}, '${architecture}')));`;
    const out = execFileSync('node', ['--input-type=module', '-e', code], { encoding: 'utf8', stdio: 'pipe' });
    const hash = fs.readFileSync(`${file}.sha256`, 'utf8');
    const facts = JSON.parse(out) as Record<string, unknown>;
    expect(hash).toBe(`${facts.sha256 as string}  bootstrap\n`);
    return { facts, mode: fs.statSync(file).mode & 0o777 };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

const X86_64 = 0x3e;
const ARM64 = 0xb7;

test('a fit one becomes executable, and its hash is recorded', () => {
  const { facts, mode } = check(program(X86_64, 'GLIBC_2.2.5', 'GLIBC_2.34', 'GLIBC_2.9'));
  expect(facts).toMatchObject({ architecture: 'x86_64', glibc: '2.34' });
  expect(mode).toBe(0o755);
  expect(check(program(ARM64), 'arm64').facts).toMatchObject({ glibc: '0.0' });
});

test.each([
  ['a script', Buffer.from('#!/bin/sh\necho this is not a program\n'), 'is no ELF file'],
  ['for another processor', program(ARM64), 'is for ELF machine 183, not for x86_64'],
  ['for a newer system', program(X86_64, 'GLIBC_2.35'), 'needs glibc 2.35, but Lambda has 2.34'],
])('%s', (_, content, fault) => {
  expect(() => check(content)).toThrow(fault);
});

test('none at all', () => {
  expect(() => bootstrapCode(lambda.Architecture.X86_64, path.join(__dirname, 'nowhere'))).toThrow(
    'this package of cdk-cross-region-tasks carries no binary for `x86_64` (it has none): choose another ' +
      '`architecture`, or build one with `make package ARCH=x86_64`',
  );
});
