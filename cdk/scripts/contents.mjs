/**
 * What is in the package, for a reader.
 *
 * In: the sizes, the facts of the binaries, and tar's listing of the tarball. Out: a page of Markdown; the catalog, a
 * file for each service, is one line of it.
 */
const CATALOG = /^catalog\/(?!index\.json$).*\.json$/;

export function contentsPage({ tarball, wheel, binaries, contents }) {
  const files = contents
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/))
    .map(([mode, , size, , , name]) => ({ mode, size: Number(size), name: name.replace(/^package\//, '') }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const services = files.filter(({ name }) => CATALOG.test(name));
  const catalog = {
    name: `catalog/*.json, ${services.length} services`,
    size: services.reduce((sum, { size }) => sum + size, 0),
  };
  const rows = [...files.filter((file) => !services.includes(file)), catalog].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  );
  return [
    '# What the package holds',
    '',
    'Written by `make package`; not edited by hand.',
    '',
    '| | bytes | |',
    '| --- | ---: | --- |',
    `| npm tarball | ${grouped(tarball)} | ${files.length} files |`,
    `| Python wheel | ${grouped(wheel)} | |`,
    ...binaries.map(
      ({ architecture, bytes, glibc, sha256 }) =>
        `| \`bootstrap\` for ${architecture} | ${grouped(bytes)} | glibc ${glibc}, SHA-256 \`${sha256}\` |`,
    ),
    '',
    '## The tarball',
    '',
    '| file | bytes | |',
    '| --- | ---: | --- |',
    ...rows.map(
      ({ name, size, mode }) => `| ${name} | ${grouped(size)} | ${mode?.includes('x') ? 'executable' : ''} |`,
    ),
    '',
  ].join('\n');
}

/** `9341552` is `9,341,552`. */
function grouped(bytes) {
  return bytes.toLocaleString('en-US');
}
