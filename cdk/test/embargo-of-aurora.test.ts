/**
 * The SQL with which the example embargoed-covers exports from Aurora, run by PostgreSQL, from the synthesized state
 * machine to what the function at the edge makes of the rows.
 *
 * Two stand-ins: `aws_commons` and `aws_s3` have the signatures that AWS documents, and a table in place of S3. As
 * AWS's does, `query_export_to_s3` leaves query and options to COPY. And `bind` is in place of the Data API.
 */
import { App } from 'aws-cdk-lib';
import { EmbargoedCovers, functionCode } from '../examples/embargoed-covers/embargoed-covers';
import { Postgres, VARCHAR } from './postgres';
import { definitionOf, HERE } from './support';

const { run } = jest.requireActual<{ run: (given: object) => Promise<{ uri: string }> }>('../../tests/support/edge');

const STAND_INS = `
  CREATE TABLE objects (bucket text, key text, region text, body text);

  CREATE SCHEMA aws_commons;
  CREATE TYPE aws_commons._s3_uri_1 AS (bucket text, file_path text, region text);
  CREATE FUNCTION aws_commons.create_s3_uri(bucket text, file_path text, region text) RETURNS aws_commons._s3_uri_1
    LANGUAGE sql AS 'SELECT bucket, file_path, region';

  CREATE SCHEMA aws_s3;
  CREATE FUNCTION aws_s3.query_export_to_s3(
    query text, s3_info aws_commons._s3_uri_1, options text DEFAULT NULL, kms_key text DEFAULT NULL,
    OUT rows_uploaded bigint, OUT files_uploaded bigint, OUT bytes_uploaded bigint
  ) LANGUAGE plpgsql AS $$
    DECLARE
      body text;
    BEGIN
      EXECUTE format('COPY (%s) TO %L WITH (%s)', query, '/tmp/object', options);
      GET DIAGNOSTICS rows_uploaded = ROW_COUNT;
      body := pg_read_file('/tmp/object');
      INSERT INTO objects VALUES (s3_info.bucket, s3_info.file_path, s3_info.region, body);
      files_uploaded := 1;
      bytes_uploaded := octet_length(body);
    END
  $$;
`;

/** What is in the database, and the moment from which the edge is to show the cover. Without one it is not exported. */
const RELEASES: [cover: string, release: string | null, shownFrom?: string][] = [
  ['tokyo.png', '2030-02-01 00:00:00+09', '2030-01-31T15:00:00.000Z'],
  ["st. john's.png", '2030-02-01 00:00:00-03:30', '2030-02-01T03:30:00.000Z'],
  ['noon.png', '2028-02-29 12:00:00Z', '2028-02-29T12:00:00.000Z'],
  // Not a second early.
  ['fraction.png', '2030-12-31 23:59:59.999Z', '2030-12-31T23:59:59.999Z'],
  ['a "b", c.png', '2024-02-15 09:00:00Z', '2024-02-15T09:00:00.000Z'],
  ['発売.png', '2024-02-15 09:00:00Z', '2024-02-15T09:00:00.000Z'],
  ['undecided.png', null],
  ['never.png', 'infinity'],
];

const WANTED = RELEASES.flatMap(([cover, , from]) => (from ? [{ Key: `covers/${cover}`, Value: from }] : []));

const CSV = `Key,Value
covers/tokyo.png,2030-01-31T15:00:00.000Z
covers/st. john's.png,2030-02-01T03:30:00.000Z
covers/noon.png,2028-02-29T12:00:00.000Z
covers/fraction.png,2030-12-31T23:59:59.999Z
"covers/a ""b"", c.png",2024-02-15T09:00:00.000Z
covers/発売.png,2024-02-15T09:00:00.000Z
`;

const KEY = 'releases/a-run';

interface Statement {
  readonly sql: string;
  readonly parameters: { readonly name: string; readonly value: { readonly stringValue: string } }[];
}

/** As the state machine sends it in a run whose export is to be `KEY`. */
function statement(): Statement {
  const aurora = { clusterArn: 'arn:aws:rds:::cluster:books', secretArn: 'arn:aws:secretsmanager:::secret:books' };
  const stack = new EmbargoedCovers(new App(), 'Covers', { env: HERE, aurora: { ...aurora, database: 'books' } });
  const { service, action, parameters } = definitionOf(stack).States.ExportReleases.Arguments;
  expect([service, action]).toEqual(['rds-data', 'executeStatement']);
  return JSON.parse(JSON.stringify(parameters).replace('{% $key %}', KEY)) as Statement;
}

/**
 * A statement with places in place of names, and their values.
 *
 * All that looks like a parameter is taken for one, also between quotes: AWS does not say how it reads them.
 */
function bind({ sql, parameters }: Statement): [string, string[]] {
  const values: string[] = [];
  const bound = sql.replace(/:(\w+)/g, (_, name) => {
    const found = parameters.find((parameter) => parameter.name === name);
    if (!found) {
      throw new Error(`no parameter ${name}`);
    }
    return `$${values.push(found.value.stringValue)}`;
  });
  return [bound, values];
}

/** What the Data API would have PostgreSQL run. */
async function execute(given: Statement): Promise<unknown[]> {
  const [sql, values] = bind(given);
  return database.query(
    sql,
    values,
    values.map(() => VARCHAR),
  );
}

let database: Postgres;
const { sql, parameters } = statement();
const rows = parameters.find(({ name }) => name === 'rows')!.value.stringValue;

beforeAll(async () => {
  database = new Postgres();
  await database.query(STAND_INS);
  await database.query('CREATE TABLE releases (cover text, release timestamptz)');
  for (const [cover, release] of RELEASES) {
    await database.query('INSERT INTO releases VALUES ($1, $2)', [cover, release]);
  }
}, 120_000);

afterAll(() => database.close());

beforeEach(() => database.query('BEGIN'));
afterEach(() => database.query('ROLLBACK'));

test.each(['UTC', 'Asia/Tokyo', 'America/St_Johns'])('the rows, in a session of %s', async (zone) => {
  await database.query(`SET LOCAL TimeZone = '${zone}'; SET LOCAL DateStyle = 'German'`);
  expect(await database.query(rows)).toEqual(WANTED);
});

test('the function shows a cover from each of them on, and not a millisecond earlier', async () => {
  const found = (await database.query(rows)) as { Value: string }[];
  expect(found).toHaveLength(WANTED.length);
  const isShown = async (release: string, now: number) => {
    const entries = { 'covers/1.png': release };
    const event = { request: { method: 'GET', uri: '/covers/1.png', headers: {} } };
    const answer = await run({ code: functionCode(), entries, now: new Date(now).toISOString(), event });
    return answer.uri === '/covers/1.png';
  };
  for (const [at, { Value }] of found.entries()) {
    const moment = Date.parse(WANTED[at].Value);
    expect([Value, await isShown(Value, moment - 1), await isShown(Value, moment)]).toEqual([Value, false, true]);
  }
});

test('the whole statement exports them as CSV', async () => {
  expect(await execute({ sql, parameters })).toEqual([
    { rows_uploaded: WANTED.length, files_uploaded: 1, bytes_uploaded: Buffer.byteLength(CSV) },
  ]);
  expect(await database.query('SELECT * FROM objects')).toEqual([
    { bucket: 'ref', key: KEY, region: HERE.region, body: CSV },
  ]);
});

test('of an empty table the header alone is exported', async () => {
  await database.query('DELETE FROM releases');
  await execute({ sql, parameters });
  expect(await database.query('SELECT body FROM objects')).toEqual([{ body: 'Key,Value\n' }]);
});

describe('the stand-ins notice', () => {
  test.each([
    ['options that COPY does not have', { sql: sql.replace('header', 'heading'), parameters }, 'heading'],
    ['rows that are no query', { sql: sql.replace(':rows', ':key'), parameters }, 'syntax error'],
    ['a name that is no argument', { sql: sql.replace('options', 'option'), parameters }, 'does not exist'],
    ['a colon that is none of a parameter', { sql: `${sql} WHERE '12:30' <> ''`, parameters }, 'no parameter 30'],
  ])('%s', async (_, given, message) => {
    await expect(execute(given)).rejects.toThrow(message);
  });
});
