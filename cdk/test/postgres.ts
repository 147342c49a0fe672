/**
 * A database of PostgreSQL for a test.
 *
 * Enters: SQL. Leaves: rows, or what PostgreSQL says is wrong. `postgres-worker.mjs` says what runs it.
 */
import * as path from 'path';
import { Worker } from 'worker_threads';

/** PostgreSQL's number of a type. */
export const VARCHAR = 1043;

export class Postgres {
  private readonly worker = new Worker(path.join(__dirname, 'postgres-worker.mjs'));
  private asked = 0;

  /** Runs one statement, or, without values, as many as there are. */
  query(sql: string, values?: unknown[], types?: number[]): Promise<unknown[]> {
    const id = this.asked++;
    return new Promise((resolve, reject) => {
      const answered = (answer: { id: number; rows: unknown[]; error?: string }) => {
        if (answer.id === id) {
          this.worker.off('message', answered).off('error', reject);
          if (answer.error === undefined) {
            resolve(answer.rows);
          } else {
            reject(new Error(answer.error));
          }
        }
      };
      this.worker.on('message', answered).on('error', reject);
      this.worker.postMessage({ id, sql, values, types });
    });
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }
}
