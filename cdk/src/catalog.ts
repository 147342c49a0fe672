/**
 * What the package knows of every operation of every AWS service: generated data, one file per service,
 * read when a task first names the service.
 *
 * In: names as users write them. Out: the service, its operations, the shapes of their input.
 * A name that is not known is `undefined`, never an error: callers say what to do about it.
 */
import * as fs from 'fs';
import * as path from 'path';
import { EndpointOptions } from './call-options';
import { catalogFolder } from './package-folder';
import { Rule } from './rules';

export interface Service {
  /** The canonical id, which the operation table carries. */
  readonly id: string;
  readonly serviceId: string;
  /** The name that requests are signed for, which mostly is the prefix of the IAM actions. */
  readonly signingName: string;
  /** By partition, the Region that every request is signed for, whatever Region of it was asked for. */
  readonly globalRegions?: Readonly<Record<string, string>>;
  /** Where the service has no endpoint. */
  readonly unresolved?: readonly Unresolved[];
  readonly operations: Readonly<Record<string, Operation>>;
  readonly shapes: Readonly<Record<string, Shape>>;
}

/** Regions in which the service's endpoint rules lead to none. */
export interface Unresolved {
  /** Only where all of these `endpointOptions` are set. */
  readonly options?: readonly (keyof EndpointOptions)[];
  /** Absent for every Region. */
  readonly regions?: readonly string[];
  /** In the words of the rules. */
  readonly reason: string;
}

export interface Operation {
  /** The name in the model: `GetObject`. */
  readonly name: string;
  /** The input's shape; absent where the operation takes no parameters. */
  readonly input?: string;
  /** The IAM actions that permit it, which may be none; absent where they could not be derived. */
  readonly iam?: readonly string[];
  /** IAM actions of similar name, where `iam` is absent. */
  readonly near?: readonly string[];
  /** The formats of the ARNs that an action takes; an empty list where it takes `*` only. */
  readonly resources?: Readonly<Record<string, readonly string[]>>;
  /** What the parameters change in `iam`. */
  readonly rules?: readonly Rule[];
  /** Instead of `iam` and `rules`, on a directory bucket of Amazon S3; absent where no action is known. */
  readonly directory?: Directory;
  /** The member that is filled with an idempotency token where it is left out. */
  readonly token?: string;
  /** It changes nothing. */
  readonly readOnly?: boolean;
  /** The input is a stream of events, which no Lambda function can send. */
  readonly eventInput?: boolean;
  /** The endpoint is asked for first, by the service's `describeEndpoints`. */
  readonly discovery?: boolean;
}

export interface Directory {
  readonly iam: readonly string[];
  readonly rules?: readonly Rule[];
  /** The call opens a session first. */
  readonly session?: boolean;
}

export interface Shape {
  readonly type: string;
  readonly members?: Readonly<Record<string, Member>>;
  /** Of a list. */
  readonly member?: Member;
  /** Of a map. */
  readonly value?: Member;
  readonly union?: boolean;
  readonly sparse?: boolean;
}

export interface Member {
  readonly shape: string;
  readonly required?: boolean;
  /** The member is the whole HTTP body. */
  readonly payload?: boolean;
}

interface Index {
  readonly botocore: string;
  /** Lower case without separators, to canonical id. */
  readonly services: Readonly<Record<string, string>>;
}

let index: Index | undefined;
const services = new Map<string, Service>();

/** The service that the name means, in any spelling that AWS's tools use. */
export function findService(name: string): Service | undefined {
  const aliases = readIndex().services;
  const alias = normalized(name);
  return Object.hasOwn(aliases, alias) ? readService(aliases[alias]) : undefined;
}

/** The operation that the action means, with its canonical spelling. */
export function findOperation(service: Service, action: string): [string, Operation] | undefined {
  if (Object.hasOwn(service.operations, action)) {
    return [action, service.operations[action]];
  }
  const wanted = action.toLowerCase();
  return Object.entries(service.operations).find(([name]) => name.toLowerCase() === wanted);
}

/** Every name that `findService` takes. */
export function serviceNames(): string[] {
  const { services: aliases } = readIndex();
  return [...new Set([...Object.values(aliases), ...Object.keys(aliases)])];
}

function normalized(name: string): string {
  return name.toLowerCase().replace(/[-_ .]/g, '');
}

function readIndex(): Index {
  index ??= readJson('index.json') as Index;
  return index;
}

function readService(id: string): Service {
  let service = services.get(id);
  if (!service) {
    service = readJson(`${id}.json`) as Service;
    services.set(id, service);
  }
  return service;
}

function readJson(file: string): unknown {
  return JSON.parse(fs.readFileSync(path.join(catalogFolder, file), 'utf8'));
}
