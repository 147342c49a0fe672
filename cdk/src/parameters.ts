/**
 * Whether a call's parameters fit the input of its operation.
 *
 * In: the parameters as written, with literals, tokens and references to state mixed at any depth.
 * Out: every fault, with its path. Tokens and references pass: only the handler sees what they become.
 * Lengths, ranges and patterns are the service's business.
 */
import { Spelling } from './call-options';
import { Operation, Service, Shape } from './catalog';
import { isLiteral } from './expression';
import { javaMember } from './java-names';
import { didYouMean } from './near';

type Json = Record<string, unknown>;

/** Explicit forms of a value: bytes in base64, bytes of a text, the compact text of a JSON value. */
const FORMS = ['$base64', '$text', '$json'];

/** A key that JSONPath gives a value at run time. */
const DYNAMIC = '.$';

const NOT_FINITE = ['NaN', 'Infinity', '-Infinity'];
const TIMESTAMP = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export interface Style {
  readonly spelling: Spelling;
  /** Keys that end in `.$` are given a value at run time, as JSONPath does and JSONata does not. */
  readonly readsPaths: boolean;
}

/**
 * @param root what paths begin with
 * @param filled a member that another prop of the task gives
 */
export function parameterProblems(
  service: Service,
  operation: Operation,
  parameters: Json,
  style: Style,
  root = 'parameters',
  filled?: string,
): string[] {
  if (operation.input === undefined) {
    const given = Object.keys(parameters).map((name) => `\`${name}\``);
    return given.length > 0 ? [`\`${root}\` must be left out: the action takes none, not ${given.join(', ')}`] : [];
  }
  const check = new Check(service, style);
  const others = [operation.token, filled].filter((name) => name !== undefined);
  check.structure(parameters, operation.input, root, others);
  return check.problems;
}

class Check {
  readonly problems: string[] = [];

  private readonly shapes: Service['shapes'];

  constructor(
    private readonly service: Service,
    private readonly style: Style,
  ) {
    this.shapes = service.shapes;
  }

  /** @param filled members that the handler fills in where they are left out */
  structure(value: unknown, shapeName: string, path: string, filled: readonly string[] = []): void {
    if (!isObject(value)) {
      return this.mismatch(path, 'an object', value);
    }
    const { members = {}, union } = this.shapes[shapeName];
    const spelled = new Map(Object.keys(members).map((member) => [this.spell(shapeName, member), member]));
    const present = new Set<string>();
    for (const [key, given] of Object.entries(value)) {
      const { name, dynamic } = this.parseKey(key);
      const member = spelled.get(name);
      if (member === undefined) {
        this.problems.push(`unknown member \`${path}.${name}\`${didYouMean(name, spelled.keys())}`);
      } else if (dynamic) {
        present.add(member);
      } else if (given !== undefined && given !== null) {
        present.add(member);
        this.value(given, members[member].shape, `${path}.${name}`, members[member].payload);
      }
    }
    for (const [name, member] of spelled) {
      if (members[member].required && !filled.includes(member) && !present.has(member)) {
        this.problems.push(`missing required member \`${path}.${name}\``);
      }
    }
    if (union && present.size !== 1) {
      const choice = [...spelled.keys()].map((name) => `\`${name}\``);
      this.problems.push(`\`${path}\` must have exactly one of ${choice.join(', ')}, not ${present.size}`);
    }
  }

  private value(value: unknown, shapeName: string, path: string, payload = false): void {
    if (!isLiteral(value)) {
      return;
    }
    const shape = this.shapes[shapeName];
    const form = this.explicitForm(value);
    if (form && (shape.type === 'blob' || shape.type === 'string')) {
      return this.form(form, shape.type, path);
    }
    switch (shape.type) {
      case 'structure':
        return this.structure(value, shapeName, path);
      case 'list':
        return this.list(value, shape, path);
      case 'map':
        return this.map(value, shape, path);
      case 'blob':
        return this.blob(value, path, payload);
      case 'string':
        return this.string(value, path);
      case 'boolean':
        return this.expect(typeof value === 'boolean', path, 'true or false', value);
      case 'integer':
        return this.expect(isInteger(value, 32), path, 'an integer of 32 bits', value);
      case 'long':
        return this.expect(Number.isInteger(value), path, 'an integer', value);
      case 'float':
      case 'double':
        return this.expect(
          typeof value === 'number' || NOT_FINITE.includes(value as string),
          path,
          'a number, or one of "NaN", "Infinity", "-Infinity"',
          value,
        );
      case 'timestamp':
        return this.expect(
          typeof value === 'number' || value instanceof Date || (typeof value === 'string' && TIMESTAMP.test(value)),
          path,
          'a time: ISO 8601 with offset, such as "2030-01-31T09:30:00Z", or seconds since 1970',
          value,
        );
    }
  }

  private form({ name, content, dynamic }: Form, type: string, path: string): void {
    if (type === 'string' && name !== '$json') {
      this.problems.push(`\`${path}\` must be a string: \`${name}\` is for binary members only`);
    } else if (dynamic || !isLiteral(content) || name === '$json') {
      return;
    } else if (name === '$base64') {
      this.expect(typeof content === 'string' && BASE64.test(content), `${path}.$base64`, 'a base64 string', content);
    } else {
      this.expect(typeof content === 'string', `${path}.$text`, 'a string', content);
    }
  }

  private list(value: unknown, shape: Shape, path: string): void {
    if (!Array.isArray(value)) {
      return this.mismatch(path, 'an array', value);
    }
    value.forEach((element: unknown, index) => this.element(element, shape, shape.member!.shape, `${path}[${index}]`));
  }

  private map(value: unknown, shape: Shape, path: string): void {
    if (!isObject(value)) {
      return this.mismatch(path, 'an object', value);
    }
    for (const [key, element] of Object.entries(value)) {
      const { name, dynamic } = this.parseKey(key);
      if (!dynamic) {
        this.element(element, shape, shape.value!.shape, `${path}.${name}`);
      }
    }
  }

  private element(value: unknown, collection: Shape, shapeName: string, path: string): void {
    if (value !== null && value !== undefined) {
      this.value(value, shapeName, path);
    } else if (!collection.sparse && this.shapes[shapeName].type !== 'document') {
      this.problems.push(`\`${path}\` must not be null`);
    }
  }

  private blob(value: unknown, path: string, payload: boolean): void {
    const scalars = payload ? ['boolean', 'number', 'string'] : ['string'];
    if (this.isOwn && (isJson(value) || scalars.includes(typeof value))) {
      return;
    }
    if (payload) {
      return this.expect(
        typeof value === 'string' || Array.isArray(value) || isObject(value),
        path,
        'a body: a text, an object or array to be sent as JSON, or {"$base64": …}',
        value,
      );
    }
    this.mismatch(path, 'binary: write {"$base64": …}, {"$text": …} or {"$json": …}', value);
  }

  private string(value: unknown, path: string): void {
    if (this.isOwn && isJson(value)) {
      return;
    }
    const json = typeof value === 'object' ? ' (to send a value as JSON text, write {"$json": …})' : '';
    this.expect(typeof value === 'string', path, `a string${json}`, value);
  }

  private expect(fits: boolean, path: string, wanted: string, value: unknown): void {
    if (!fits) {
      this.mismatch(path, wanted, value);
    }
  }

  private mismatch(path: string, wanted: string, value: unknown): void {
    this.problems.push(`\`${path}\` must be ${wanted}; it is ${describe(value)}`);
  }

  /** Step Functions' own integrations send objects as JSON text, and take text where a model has bytes. */
  private get isOwn(): boolean {
    return this.style.spelling === Spelling.STEP_FUNCTIONS;
  }

  private spell(shapeName: string, member: string): string {
    return this.isOwn ? javaMember(this.service.id, shapeName, member) : member;
  }

  private explicitForm(value: unknown): Form | undefined {
    const entries = isObject(value) ? Object.entries(value) : [];
    if (entries.length !== 1) {
      return undefined;
    }
    const [[key, content]] = entries;
    const { name, dynamic } = this.parseKey(key);
    return FORMS.includes(name) ? { name, content, dynamic } : undefined;
  }

  private parseKey(key: string): { name: string; dynamic: boolean } {
    const dynamic = this.style.readsPaths && key.endsWith(DYNAMIC);
    return { name: dynamic ? key.slice(0, -DYNAMIC.length) : key, dynamic };
  }
}

interface Form {
  readonly name: string;
  readonly content: unknown;
  readonly dynamic: boolean;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** An object or array, which has a JSON text. */
function isJson(value: unknown): boolean {
  return Array.isArray(value) || (isObject(value) && !(value instanceof Uint8Array));
}

function isInteger(value: unknown, bits: number): boolean {
  const limit = 2 ** (bits - 1);
  return Number.isInteger(value) && -limit <= (value as number) && (value as number) < limit;
}

/** The kind of a value, never the value itself, which may be a secret. */
function describe(value: unknown): string {
  if (value === null) {
    return 'null';
  }
  if (Array.isArray(value)) {
    return 'an array';
  }
  if (value instanceof Uint8Array) {
    return 'a Buffer';
  }
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
