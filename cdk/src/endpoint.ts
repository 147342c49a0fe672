/**
 * Endpoints that a task names instead of a service's own.
 *
 * In: a literal. Out: why the handler would refuse it, or nothing. Such an endpoint gets signed requests, so
 * it is an https URL of host, port and path only; plain http and IP addresses are for this machine.
 */
import * as net from 'net';

/** The one wildcard there is: the endpoints of a Route 53 ARC cluster, whose id is made up by AWS. */
const CLUSTER_ENDPOINTS = /^https:\/\/\*\.route53-recovery-cluster\.[a-z0-9-]+\.amazonaws\.com\/v1$/;

export function endpointProblem(endpoint: string): string | undefined {
  const fault = CLUSTER_ENDPOINTS.test(endpoint) ? undefined : urlFault(endpoint);
  return fault && `\`${endpoint}\` cannot be an endpoint: ${fault}`;
}

function urlFault(endpoint: string): string | undefined {
  if (!URL.canParse(endpoint)) {
    return 'it is no URL, such as `https://vpce-1.s3.us-west-2.vpce.amazonaws.com`';
  }
  const url = new URL(endpoint);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isLoopback = host === 'localhost' || host === '::1' || (net.isIPv4(host) && host.startsWith('127.'));
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback)) {
    return 'only https is allowed';
  }
  if (url.username !== '' || url.password !== '') {
    return 'it must not carry a user name or password';
  }
  if (endpoint.includes('?') || endpoint.includes('#')) {
    return 'it must not carry a query or a fragment';
  }
  // From the text as it stands: the parser has resolved `..` already.
  const path = endpoint.replace(/^\w+:\/\/[^/]*/, '');
  if (!path.split('/').every((segment) => /^[\w.~-]*$/.test(segment) && !/^\.{1,2}$/.test(segment))) {
    return 'its path may hold only letters, digits, `-`, `_`, `.` and `~`';
  }
  if (host.endsWith('.')) {
    return 'its host must not end in a dot';
  }
  if (net.isIP(host) !== 0 && !isLoopback) {
    return 'its host must not be an IP address';
  }
  return host.includes('*') ? 'its host must not hold a wildcard' : undefined;
}
