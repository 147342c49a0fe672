/**
 * Targets after the first: the event's field, what the function may do at each of them, and what is wrong.
 */
import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import {
  AssumeRole,
  CallAwsServiceCrossRegion,
  CallAwsServiceCrossRegionProps,
  CallRetryMode,
  CrossRegionFunction,
  Failover,
  FailoverOn,
} from '../src';
import { aslProblems, errorsOf, GET_OBJECT, newStack, stackWith, statementsOf, tableOf, warningsOf } from './support';

const EAST = ['arn:aws:s3:::covers-east/*'];
const BUCKET = { Bucket: 'covers-east' };

function eventOf(changes: Partial<CallAwsServiceCrossRegionProps>): Record<string, unknown> {
  const stack = newStack();
  const task = new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, ...changes });
  const state = task.toStateJson() as { Parameters: Record<string, unknown> };
  return state.Parameters;
}

/** Resources and Regions of each statement for the call. */
function scopes(stack: Stack): unknown[] {
  return statementsOf(stack)
    .filter(({ Action }) => Action === 's3:GetObject')
    .map(({ Resource, Condition }) => [Resource, Condition?.StringEquals['aws:RequestedRegion']]);
}

describe('the event', () => {
  test('Regions', () => {
    const event = eventOf({ failover: Failover.regions(['us-east-1', 'eu-west-1']) });
    expect(event.failover).toEqual({ targets: [{ region: 'us-east-1' }, { region: 'eu-west-1' }] });
  });

  test("a target has its own role, which the function may assume beside the task's", () => {
    const [reader, writer] = ['reader', 'writer'].map((name) => `arn:aws:iam::111122223333:role/${name}`);
    const changes = (assumeRole?: AssumeRole) => ({
      assumeRole,
      failover: Failover.targets([
        { region: 'us-east-1', assumeRole: AssumeRole.fromArn(writer) },
        { region: 'eu-west-1' },
      ]),
    });
    const event = eventOf(changes(AssumeRole.fromArn(reader)));
    expect(event.failover).toEqual({
      targets: [{ region: 'us-east-1', assumeRole: { roleArn: writer } }, { region: 'eu-west-1' }],
    });
    const stack = stackWith(changes(AssumeRole.fromArn(reader)));
    expect(errorsOf(stack)).toEqual([]);
    expect(tableOf(stack)).toMatchObject([{ roles: [reader, writer] }]);
    const assumed = statementsOf(stack).filter(({ Action }) => Action === 'sts:AssumeRole');
    expect(assumed.map(({ Resource }) => Resource)).toEqual([reader, writer]);
    expect(scopes(stack)).toEqual([]);
    expect(errorsOf(stackWith(changes()))).toContainEqual(
      expect.stringContaining('`failover.targets[0].assumeRole` needs an `assumeRole` of the task, too'),
    );
  });

  test('targets', () => {
    const endpoint = 'https://vpce-1.s3.us-east-1.vpce.amazonaws.com';
    const parameters = { ...BUCKET, Key: sfn.JsonPath.stringAt('$.key') };
    const failover = Failover.targets([{ region: 'us-east-1', endpoint, parameters, iamResources: EAST }], {
      on: [FailoverOn.TRANSIENT, FailoverOn.THROTTLING],
      repeatable: true,
    });
    expect(eventOf({ failover }).failover).toEqual({
      targets: [{ region: 'us-east-1', endpoint, parameters: { ...BUCKET, 'Key.$': '$.key' } }],
      on: ['transient', 'throttling'],
      repeatable: true,
    });
  });

  test('without it, nothing is there', () => {
    expect(Object.keys(eventOf({}))).not.toContain('failover');
  });

  test('it is a state that Step Functions takes', () => {
    const stack = newStack();
    const failover = Failover.targets([{ region: 'us-east-1', parameters: { Key: sfn.JsonPath.stringAt('$.k') } }]);
    const task = new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, failover });
    new sfn.StateMachine(stack, 'Machine', { definitionBody: sfn.DefinitionBody.fromChainable(task) });
    expect(aslProblems(stack)).toEqual([]);
  });
});

describe('permissions', () => {
  test('one entry permits all targets together', () => {
    const endpoint = 'https://vpce-1.s3.us-east-1.vpce.amazonaws.com';
    const failover = Failover.targets([{ region: 'us-east-1', endpoint }, { region: 'eu-west-1' }]);
    expect(tableOf(stackWith({ failover }))).toEqual([
      {
        service: 's3',
        actions: ['getObject'],
        regions: ['eu-west-1', 'us-east-1', 'us-west-2'],
        endpoints: [endpoint],
      },
    ]);
  });

  test('one statement where the resources are the same', () => {
    const stack = stackWith({ failover: Failover.regions(['us-east-1']) });
    expect(scopes(stack)).toEqual([['arn:aws:s3:::covers/*', ['us-west-2', 'us-east-1']]]);
  });

  test('a statement of its own for a target with resources of its own', () => {
    const target = { region: 'us-east-1', parameters: BUCKET, iamResources: EAST };
    expect(scopes(stackWith({ failover: Failover.targets([target]) }))).toEqual([
      ['arn:aws:s3:::covers/*', 'us-west-2'],
      [EAST[0], 'us-east-1'],
    ]);
    const both = Failover.targets([target, { region: 'eu-west-1' }]);
    expect(scopes(stackWith({ failover: both }))).toEqual([
      ['arn:aws:s3:::covers/*', ['us-west-2', 'eu-west-1']],
      [EAST[0], 'us-east-1'],
    ]);
  });

  test('a Region that two targets share is in the statements of both', () => {
    const failover = Failover.targets([{ region: 'us-west-2', parameters: BUCKET, iamResources: EAST }]);
    expect(scopes(stackWith({ failover }))).toEqual([
      ['arn:aws:s3:::covers/*', 'us-west-2'],
      [EAST[0], 'us-west-2'],
    ]);
  });

  test('actions follow the parameters of each target', () => {
    const parameters = { ...BUCKET, VersionId: '1' };
    const stack = stackWith({ failover: Failover.targets([{ region: 'us-east-1', parameters, iamResources: EAST }]) });
    const found = statementsOf(stack).map(({ Action, Resource }) => [Action, Resource]);
    expect(found).toContainEqual(['s3:GetObject', 'arn:aws:s3:::covers/*']);
    expect(found).toContainEqual(['s3:GetObjectVersion', EAST[0]]);
  });

  test('a target that is signed for every Region', () => {
    const parameters = { Bucket: 'arn:aws:s3::123456789012:accesspoint/m.mrap' };
    const [entry] = tableOf(stackWith({ failover: Failover.targets([{ region: 'us-east-1', parameters }]) }));
    expect(entry.regions).toEqual(['*global*', 'us-east-1', 'us-west-2']);
  });

  test('a Region from state is bound by `regions`', () => {
    const failover = Failover.regions([sfn.JsonPath.stringAt('$.region')]);
    const bound = stackWith({ failover, regions: ['us-east-1'] });
    expect(tableOf(bound)[0].regions).toEqual(['us-east-1', 'us-west-2']);
    expect(scopes(bound)).toEqual([['arn:aws:s3:::covers/*', ['us-west-2', 'us-east-1']]]);
    const unbound = stackWith({ failover });
    expect(tableOf(unbound)[0].regions).toEqual(['*']);
    expect(warningsOf(unbound).join()).toContain('may be any Region');
  });
});

describe('what cannot be right', () => {
  const targets = (...given: Parameters<typeof Failover.targets>[0]) => ({ failover: Failover.targets(given) });
  const wrong: [string, Partial<CallAwsServiceCrossRegionProps>, string][] = [
    ['no target', targets(), "`failover` must name 1 to 9 targets beside the task's own, not 0"],
    [
      'too many',
      { failover: Failover.regions(Array(10).fill('us-east-1') as string[]) },
      "`failover` must name 1 to 9 targets beside the task's own, not 10",
    ],
    ['a Region that is none', targets({ region: 'us-east' }), '`us-east` is no Region of AWS'],
    [
      'the first target once more',
      targets({ region: 'us-west-2', parameters: { Bucket: 'covers' } }),
      "`failover.targets[0]` is the same as the task's own target: name another Region, endpoint or parameters",
    ],
    [
      'a target twice',
      targets({ region: 'us-east-1' }, { region: 'eu-west-1' }, { region: 'us-east-1' }),
      '`failover.targets[2]` is the same as `failover.targets[0]`',
    ],
    [
      'a misspelled member',
      targets({ region: 'us-east-1', parameters: { Buket: 'b' } }),
      'unknown member `failover.targets[0].parameters.Buket`; did you mean `Bucket`',
    ],
    [
      'a literal of the wrong type',
      targets({ region: 'us-east-1' }, { region: 'eu-west-1', parameters: { PartNumber: '1' } }),
      '`failover.targets[1].parameters.PartNumber` must be an integer',
    ],
    [
      'an endpoint that is none',
      targets({ region: 'us-east-1', endpoint: 'http://example.com' }),
      '`http://example.com` cannot be an endpoint: only https is allowed',
    ],
    [
      'an endpoint from state without bounds',
      targets({ region: 'us-east-1', endpoint: sfn.JsonPath.stringAt('$.e') }),
      '`endpoint` comes from state',
    ],
    ['no resources', targets({ region: 'us-east-1', iamResources: [] }), '`failover.targets[0].iamResources` is empty'],
    [
      'resources from state',
      targets({ region: 'us-east-1', iamResources: [sfn.JsonPath.stringAt('$.arn')] }),
      '`iamResources` must not come from state',
    ],
  ];

  test.each(wrong)('%s', (_, changes, message) => {
    const errors = errorsOf(stackWith(changes));
    expect(errors.join('\n')).toContain(message);
    expect(errors).toHaveLength(1);
  });

  test('what the task itself has wrong is told once', () => {
    const failover = Failover.regions(['us-east-1', 'eu-west-1']);
    const errors = errorsOf(stackWith({ failover, parameters: { Bucket: 1, Key: 'k' } }));
    expect(errors).toEqual(['`parameters.Bucket` must be a string; it is a number']);
  });

  test('targets in one Region with other parameters', () => {
    const changes = targets(
      { region: 'us-west-2', parameters: BUCKET },
      { region: 'us-west-2', parameters: { Key: '2' } },
    );
    expect(errorsOf(stackWith(changes))).toEqual([]);
  });

  test('settings of the function', () => {
    const stack = newStack();
    new CrossRegionFunction(stack, 'Function', { retry: { mode: CallRetryMode.NONE, maxAttempts: 2 } });
    expect(() => Template.fromStack(stack)).toThrow('`retry.mode` is CallRetryMode.NONE');
  });
});
