/**
 * Shows a cover from its release on, and "now printing" until then. Runtime cloudfront-js-2.0, event type viewer request.
 *
 * The store that is associated with the function holds a release time under the path of each cover, such as
 * `covers/1.png`: ISO 8601 with seconds and offset. A cover without one, or with one that is no such time, is not
 * shown, and neither is any if the store cannot be read.
 *
 * The runtime makes an Invalid Date of what it does not understand, without an error, and comparisons with that are
 * false. So nothing is left to its parser: a time is taken apart here, and what is not exactly one is none.
 */
import cf from 'cloudfront';

const NOW_PRINTING = '/now-printing.png';
const COVERS = '/covers/';

/** Answers with the version of the covers that this edge knows. */
const VERSION = '/version';

const TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{1,3})?(Z|([+-])(\d\d):(\d\d))$/;
const MINUTE = 60 * 1000;

/** Milliseconds since 1970; NaN for what is no time. */
function timeOf(text) {
  const part = TIME.exec(text);
  if (part === null) {
    return NaN;
  }
  const local = Date.UTC(part[1], part[2] - 1, part[3], part[4], part[5], part[6]);
  // What does not come out as it went in was no time: a thirtieth of February, 25 o'clock.
  if (new Date(local).toISOString() !== text.slice(0, 19) + '.000Z') {
    return NaN;
  }
  const time = local + Number(part[7] || 0) * 1000;
  if (part[8] === 'Z') {
    return time;
  }
  if (part[10] > 23 || part[11] > 59) {
    return NaN;
  }
  const offset = (part[10] * 60 + Number(part[11])) * MINUTE;
  return part[9] === '+' ? time - offset : time + offset;
}

async function read(key) {
  try {
    return await cf.kvs().get(key, { format: 'string' });
  } catch (error) {
    // Not there, or the store cannot be read: either way nothing is known of a release.
    return '';
  }
}

async function handler(event) {
  const request = event.request;
  if (request.uri === VERSION) {
    const version = await read('version');
    return {
      statusCode: 200,
      statusDescription: 'OK',
      headers: { 'content-type': { value: 'text/plain' }, 'cache-control': { value: 'no-store' } },
      body: { encoding: 'text', data: version },
    };
  }
  if (request.uri.startsWith(COVERS)) {
    const release = await read(request.uri.slice(1));
    // True for a time alone: NaN is neither before nor after.
    const isReleased = timeOf(release) <= Date.now();
    if (!isReleased) {
      request.uri = NOW_PRINTING;
    }
  }
  return request;
}
