/** Names of Step Functions' own integrations, as published, and over the whole catalog. */
import * as fs from 'fs';
import * as path from 'path';
import { findService, Service, serviceNames } from '../src/catalog';
import { javaMember } from '../src/java-names';

interface Published {
  readonly members: [service: string, shape: string, member: string, name: string, source: string][];
}

/** The handler is held to the same names. */
const published = JSON.parse(
  fs.readFileSync(path.join(__dirname, '../../tests/data/java-names.json'), 'utf8'),
) as Published;

const services = [...new Set(serviceNames().map((name) => findService(name)!.id))].map((id) => findService(id)!);

test.each(published.members)('%s %s.%s is %s', (service, shape, member, name) => {
  expect(javaMember(service, shape, member)).toBe(name);
});

test('no two members of a shape share a name, and each is one', () => {
  const wrong = services.flatMap((service) =>
    Object.entries(service.shapes).flatMap(([shape, { members = {} }]) => {
      const names = Object.keys(members).map((member) => javaMember(service.id, shape, member));
      const isUnique = new Set(names).size === names.length;
      return isUnique && names.every((name) => /^[A-Z]\w*$/.test(name))
        ? []
        : [`${service.id} ${shape}: ${names.join()}`];
    }),
  );
  expect(services.length).toBe(439);
  expect(wrong).toEqual([]);
});

test('the rules of IAM actions find their members, but for the case, in either spelling', () => {
  const paths = services.flatMap((service) =>
    Object.values(service.operations).flatMap(({ input, rules = [] }) =>
      rules.map(({ member }) => spelled(service, input!, member.split('.'))),
    ),
  );
  expect(paths.length).toBeGreaterThan(100);
  expect(paths.filter(([model, own]) => model.toLowerCase() !== own.toLowerCase())).toEqual([]);
});

/** A rule's path in both spellings. */
function spelled(service: Service, shapeName: string, [segment, ...rest]: string[]): [string, string] {
  const shape = service.shapes[shapeName];
  const name = segment.replace(/\[\]$/, '');
  const model = Object.keys(shape.members ?? {}).find((member) => member.toLowerCase() === name.toLowerCase()) ?? name;
  const own = javaMember(service.id, shapeName, model);
  const target = shape.members?.[model]?.shape;
  const inner = target === undefined ? undefined : (service.shapes[target].member?.shape ?? target);
  const [modelRest, ownRest] = rest.length > 0 && inner !== undefined ? spelled(service, inner, rest) : ['', ''];
  return [`${model}.${modelRest}`, `${own}.${ownRest}`];
}
