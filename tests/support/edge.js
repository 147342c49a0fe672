/**
 * An engine for functions of CloudFront that has no more than the runtime cloudfront-js-2.0 offers, as far as AWS
 * documents it, and none of its traps.
 *
 * Enters: the code of a function, the entries of its store, the moment at which it runs, and an event. Leaves: what its
 * handler answers. Fails as the code does, and where it is larger than the 10 KB that CloudFront takes.
 *
 * It is Node's, in a context of its own:
 *
 * - Of the globals only those that AWS lists are left. No `require`, `process`, timers, `fetch`, `Intl`, `Map` or
 *   `Set`, and `eval` and `new Function` make nothing.
 * - `import cf from 'cloudfront'` is the only import. `cf.kvs().get` refuses a key that is not there, as AWS's does.
 * - The clock stands still while a function runs.
 * - A text becomes a Date only in full ISO 8601: Node's parser understands more than that of the runtime, and where
 *   they differ nobody is warned. What depends on the time zone of the machine throws.
 *
 * As a program it reads one JSON object from stdin, `{"code", "entries", "now", "events"}`, and writes the answers.
 */
'use strict';

const vm = require('vm');

const LIMIT = 10 * 1024;

const IMPORT = /^import cf from 'cloudfront';$/m;

const GLOBALS = [
  ...['globalThis', 'NaN', 'Infinity', 'undefined', 'isFinite', 'isNaN', 'parseFloat', 'parseInt'],
  ...['decodeURI', 'decodeURIComponent', 'encodeURI', 'encodeURIComponent'],
  ...[
    'Object',
    'Function',
    'Boolean',
    'Number',
    'String',
    'Symbol',
    'Array',
    'RegExp',
    'Date',
    'Math',
    'JSON',
    'Promise',
  ],
  ...['Error', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError'],
  ...['ArrayBuffer', 'DataView', 'Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array'],
  ...['Int32Array', 'Uint32Array', 'Float32Array', 'Float64Array'],
];

/** Makes the context's own Date the one that was said above. */
const TAME = `(function (now, kept) {
  const Own = Date;
  const ISO = /^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$/;
  const parse = (text) => (ISO.test(text) ? Own.parse(text) : NaN);
  function Still(...parts) {
    if (parts.length > 1) {
      throw new TypeError('a Date of parts depends on the time zone of the machine');
    }
    const [only = now] = parts;
    return new Own(typeof only === 'string' ? parse(only) : only);
  }
  Still.prototype = Own.prototype;
  Still.prototype.constructor = Still;
  Object.assign(Still, { now: () => now, parse, UTC: Own.UTC });
  for (const name of Object.getOwnPropertyNames(Own.prototype)) {
    if (/^(get|set)(?!UTC|Time$)|^to(Locale|String|DateString|TimeString)|Year$/.test(name) && !/UTC/.test(name)) {
      Own.prototype[name] = () => {
        throw new TypeError(name + ' depends on the time zone of the machine');
      };
    }
  }
  globalThis.Date = Still;
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (!kept.includes(name)) {
      delete globalThis[name];
    }
  }
})`;

/** What the handler makes of an event. */
async function run({ code, entries, now, event }) {
  if (Buffer.byteLength(code) > LIMIT) {
    throw new Error(`a function has at most ${LIMIT} bytes`);
  }
  const context = vm.createContext(Object.create(null), {
    codeGeneration: { strings: false, wasm: false },
  });
  vm.runInContext(TAME, context)(new Date(now).getTime(), GLOBALS);
  const kvs = () => ({
    get: async (key) => {
      if (!entries || !Object.hasOwn(entries, key)) {
        throw new Error(entries ? 'KeyNotFound' : 'the store cannot be read');
      }
      return entries[key];
    },
  });
  if (!IMPORT.test(code)) {
    throw new Error("the function does not import cf from 'cloudfront'");
  }
  const source = `'use strict'; (function (cf, console) {${code.replace(IMPORT, '')}\nreturn handler; })`;
  const handler = vm.runInContext(source, context)({ kvs }, { log: () => undefined });
  // What leaves is JSON, as what enters is.
  return JSON.parse(JSON.stringify(await handler(JSON.parse(JSON.stringify(event)))));
}

module.exports = { run };

if (require.main === module) {
  const chunks = [];
  process.stdin.on('data', (chunk) => chunks.push(chunk));
  process.stdin.on('end', async () => {
    const { events, ...given } = JSON.parse(Buffer.concat(chunks).toString());
    process.stdout.write(JSON.stringify(await Promise.all(events.map((event) => run({ ...given, event })))));
  });
}
