/**
 * Where the package keeps its data files, seen from `src` as well as from the compiled `lib`.
 */
import * as path from 'path';

/** Holds `<architecture>/bootstrap`. */
export const lambdaFolder = path.join(__dirname, '..', 'lambda');

/** Holds `index.json` and one file per service. */
export const catalogFolder = path.join(__dirname, '..', 'catalog');
