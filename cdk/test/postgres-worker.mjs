/**
 * A worker that is a database of PostgreSQL: PGlite, which is PostgreSQL's own code in WebAssembly, in memory.
 *
 * In: messages `{ id, sql, values, types }`; without `values` there may be several statements. Out: for each in turn
 * `{ id, rows }` of the last statement, or `{ id, error }`.
 *
 * A worker, since PGlite imports modules as it goes, which Node does not do in the context that jest runs tests in.
 */
import { parentPort } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';

const database = new PGlite();

parentPort.on('message', async ({ id, sql, values, types }) => {
  try {
    const results = values ? [await database.query(sql, values, { paramTypes: types })] : await database.exec(sql);
    parentPort.postMessage({ id, rows: results.at(-1).rows });
  } catch (error) {
    parentPort.postMessage({ id, error: error.message });
  }
});
