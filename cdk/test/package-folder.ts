/**
 * Stands in for `src/package-folder`, so that the tests need no built binary: theirs is a small text file,
 * for x86_64 only. The catalog is the real one.
 */
import * as path from 'path';

export const lambdaFolder = path.join(__dirname, 'fixtures', 'lambda');
export const catalogFolder = path.join(__dirname, '..', 'catalog');
