/**
 * Builds the package: the npm tarball and the Python wheel, in `dist`.
 *
 * In: the sources, and `lambda/<architecture>/bootstrap` of at least one architecture. Out: `dist/js/*.tgz`,
 * `dist/python/*.whl`, `dist/contents.txt`, which lists what is in the tarball, and `PACKAGE.md`, the same for a reader.
 * Fails on a binary that Lambda could not run, on a README snippet that does not compile, on an API.md that is not up to
 * date, on a tarball that is too large.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkBinary } from './binary.mjs';
import { contentsPage } from './contents.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Bytes that the tarball may have for each architecture that it carries. */
const TARBALL_LIMIT = 15_000_000;

process.chdir(root);
process.env.JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION = '1';

const binaries = ['x86_64', 'arm64']
  .filter((architecture) => existsSync(join('lambda', architecture, 'bootstrap')))
  .map((architecture) => checkBinary('lambda', architecture));
if (binaries.length === 0) {
  throw new Error('there is no lambda/<architecture>/bootstrap: build the handler first');
}
for (const { architecture, bytes, glibc, sha256 } of binaries) {
  console.log(`bootstrap ${architecture}: ${bytes} bytes, glibc ${glibc}, sha256 ${sha256}`);
}

for (const notice of ['LICENSE', 'NOTICE']) {
  if (existsSync(join('..', notice))) {
    copyFileSync(join('..', notice), notice);
  }
}

rmSync('dist', { recursive: true, force: true });
npx('jsii', '--silence-warnings=reserved-word');
npx('jsii-rosetta', 'extract', '--compile', '--fail', '.jsii');
npx('jsii-docgen', '--output', join('dist', 'API.md'));
if (readFileSync('API.md', 'utf8') !== readFileSync(join('dist', 'API.md'), 'utf8')) {
  throw new Error('API.md is not up to date: npm run docs');
}
npx('jsii-pacmak', '--targets', 'js', '--targets', 'python', '--outdir', 'dist', '--no-parallel');

const [tarball] = readdirSync(join('dist', 'js')).map((name) => join('dist', 'js', name));
const [wheel] = readdirSync(join('dist', 'python'))
  .filter((name) => name.endsWith('.whl'))
  .map((name) => join('dist', 'python', name));
const contents = execFileSync('tar', ['-tzvf', tarball], { encoding: 'utf8', maxBuffer: 64 << 20 });
writeFileSync(join('dist', 'contents.txt'), contents);

for (const { architecture } of binaries) {
  const line = contents.split('\n').find((entry) => entry.endsWith(`package/lambda/${architecture}/bootstrap`));
  if (!line?.startsWith('-rwxr-xr-x')) {
    throw new Error(`the tarball has no executable bootstrap for ${architecture}: ${line}`);
  }
}
const { size } = statSync(tarball);
if (size > TARBALL_LIMIT * binaries.length) {
  throw new Error(`${tarball} has ${size} bytes, more than ${TARBALL_LIMIT * binaries.length}`);
}
writeFileSync('PACKAGE.md', contentsPage({ tarball: size, wheel: statSync(wheel).size, binaries, contents }));
console.log(`${tarball}: ${size} bytes, ${contents.trim().split('\n').length} files`);
console.log(`${wheel}: ${statSync(wheel).size} bytes`);

function npx(tool, ...args) {
  execFileSync(join('node_modules', '.bin', tool), args, { stdio: 'inherit' });
}
