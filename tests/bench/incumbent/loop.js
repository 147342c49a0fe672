/**
 * Stands in for Lambda's Node runtime: takes events from the Runtime API, calls the handler, posts its answer.
 *
 * Enters: the handler's file as the first argument. AWS's own runtime client for Node needs a native build, loads
 * more and checks more; this loop does the least that can work, which favours the handler that it runs.
 */
const http = require('http');

const { handler } = require(process.argv[2]);
const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function request(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const sent = http.request({ hostname, port, method, path: `/2018-06-01/runtime/${path}`, agent, headers }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', () => resolve({ headers: answer.headers, body: Buffer.concat(chunks).toString() }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function serve() {
  for (;;) {
    const next = await request('GET', 'invocation/next');
    const id = next.headers['lambda-runtime-aws-request-id'];
    try {
      await request('POST', `invocation/${id}/response`, JSON.stringify(await handler(JSON.parse(next.body))));
    } catch (error) {
      const body = JSON.stringify({ errorType: error.name, errorMessage: error.message });
      await request('POST', `invocation/${id}/error`, body);
    }
  }
}

serve().catch(() => process.exit(1));
