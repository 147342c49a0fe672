/**
 * The page that says what is in the package.
 */
import { execFileSync } from 'child_process';
import * as path from 'path';

const script = path.join(__dirname, '..', 'scripts', 'contents.mjs');

test('names every file but those of the catalog, which it counts', () => {
  const line = (mode: string, size: number, name: string) =>
    `${mode} 0/0 ${String(size).padStart(12)} 1985-10-26 08:15 package/${name}`;
  const contents = [
    line('-rw-r--r--', 7, 'lib/index.js'),
    line('-rw-r--r--', 1500, 'catalog/s3.json'),
    line('-rw-r--r--', 500, 'catalog/ec2.json'),
    line('-rw-r--r--', 3, 'catalog/index.json'),
    line('-rwxr-xr-x', 9341552, 'lambda/x86_64/bootstrap'),
  ].join('\n');
  const binaries = [{ architecture: 'x86_64', bytes: 9341552, glibc: '2.34', sha256: 'abc' }];
  const facts = JSON.stringify({ tarball: 7000000, wheel: 8000000, binaries, contents: `${contents}\n` });
  const code = `import { contentsPage } from ${JSON.stringify(script)}; process.stdout.write(contentsPage(${facts}));`;
  const page = execFileSync('node', ['--input-type=module', '-e', code], { encoding: 'utf8' });
  expect(page.split('\n').filter((row) => /^\| .*\d/.test(row))).toEqual([
    '| npm tarball | 7,000,000 | 5 files |',
    '| Python wheel | 8,000,000 | |',
    '| `bootstrap` for x86_64 | 9,341,552 | glibc 2.34, SHA-256 `abc` |',
    '| catalog/*.json, 2 services | 2,000 |  |',
    '| catalog/index.json | 3 |  |',
    '| lambda/x86_64/bootstrap | 9,341,552 | executable |',
    '| lib/index.js | 7 |  |',
  ]);
});
