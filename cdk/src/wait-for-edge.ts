/**
 * States that wait until CloudFront's edge answers as it should.
 *
 * In: a URL of a distribution, a connection, what the answer must say, and where to go on if it never does. Out: a
 * piece of a state machine that asks, waits and asks again, and goes on with the input that it got. Nothing of it is a
 * function: Step Functions asks by itself, with an HTTP task, which needs a connection of EventBridge, and waits by
 * itself.
 *
 * All of its states are of JSONata, which may stand in a state machine of either language.
 */
import * as events from 'aws-cdk-lib/aws-events';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import * as tasks from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Annotations, Duration, Token } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { attemptProblems } from './attempts';
import { holdsState, insideJsonata, wordingOf } from './expression';

/**
 * What to ask, and what to wait for.
 */
export interface WaitForEdgeProps {
  /**
   * The connection with which Step Functions asks. An HTTP task needs one, also where the URL is open to everyone:
   * what it sends to authorize itself, a header as a rule, may then be anything.
   */
  readonly connection: events.IConnection;

  /**
   * The distribution, such as `https://d111111abcdef8.cloudfront.net`. The state machine may ask this one only.
   */
  readonly root: string;

  /**
   * The path below it, without the first slash. It may be a JSONata expression.
   *
   * It must not be answered from the cache, whose answer may be older than the store. A function of the event type
   * viewer request that answers by itself is asked each time.
   */
  readonly path: string;

  /**
   * The query of the URL, each a name with its value.
   *
   * @default - no query
   */
  readonly query?: { [name: string]: any };

  /**
   * What must be true, as JSONata over the answer: `{% $states.result.ResponseBody = 'v2' %}`. There is
   * `$states.result.StatusCode`, `.Headers` and `.ResponseBody`, and `$states.input` as ever.
   */
  readonly condition: string;

  /**
   * Time between two questions.
   *
   * @default Duration.seconds(10)
   */
  readonly interval?: Duration;

  /**
   * How often to ask before it is given up.
   *
   * @default 18
   */
  readonly maxAttempts?: number;

  /**
   * Where to go on when it is given up, in place of failing. The state is as it was, and the variable `$edgeSaid` has
   * the last answer: `status 200`, or the name of an error.
   *
   * @default - the execution fails with `CrossRegion.NotReady`
   */
  readonly otherwise?: sfn.IChainable;
}

/**
 * A piece of a state machine that waits until CloudFront's edge answers as it should, and leaves the state as it was.
 *
 * It costs state transitions, and no Lambda time. It asks from the Region of the state machine, so it sees the edge
 * location that is next to it: others may learn a little earlier or later. An answer of another status than 2xx counts
 * as one that is not what is waited for.
 */
export class WaitForEdge extends sfn.StateMachineFragment {
  public readonly startState: sfn.State;
  public readonly endStates: sfn.INextable[];

  constructor(scope: Construct, id: string, props: WaitForEdgeProps) {
    super(scope, id);
    const { maxAttempts = 18, interval = Duration.seconds(10) } = props;
    problemsOf(props).forEach((problem) => Annotations.of(this).addError(`${this.node.path}: ${problem}`));

    const begin = sfn.Pass.jsonata(this, 'Begin', {
      stateName: `${id} begin`,
      assign: { edgeAsked: 0, edgeInput: '{% $states.input %}' },
    });
    const ask = tasks.HttpInvoke.jsonata(this, 'Ask', {
      stateName: `${id} ask`,
      connection: props.connection,
      apiRoot: props.root,
      apiEndpoint: sfn.TaskInput.fromText(enclosed(props.path)),
      method: sfn.TaskInput.fromText('GET'),
      queryStringParameters: props.query && sfn.TaskInput.fromObject(props.query),
      outputs: '{% $states.input %}',
      assign: {
        edgeAsked: '{% $edgeAsked + 1 %}',
        edgeShows: `{% (${insideJsonata(props.condition) ?? 'false'}) = true %}`,
        edgeSaid: "{% 'status ' & $states.result.StatusCode %}",
      },
    });
    // An error becomes the state; what a Catch of a JSONata state may put in its place, not every CDK writes.
    const refused = sfn.Pass.jsonata(this, 'Refused', {
      stateName: `${id} refused`,
      outputs: '{% $edgeInput %}',
      assign: {
        edgeAsked: '{% $edgeAsked + 1 %}',
        edgeShows: '{% false %}',
        edgeSaid: '{% $states.input.Error %}',
      },
    });
    const answered = sfn.Choice.jsonata(this, 'Answered', { stateName: `${id} answered` });
    const done = sfn.Pass.jsonata(this, 'Done', { stateName: `${id} done` });
    const wait = sfn.Wait.jsonata(this, 'Wait', {
      stateName: `${id} wait`,
      time: sfn.WaitTime.duration(interval),
    });
    const notReady = () =>
      sfn.Fail.jsonata(this, 'NotReady', {
        stateName: `${id} not ready`,
        error: 'CrossRegion.NotReady',
        cause: "{% 'the edge does not answer as it should; its last answer was ' & $edgeSaid %}",
      });

    ask.addCatch(refused, { errors: ['States.TaskFailed', 'States.Timeout'] });
    refused.next(answered);
    begin.next(ask).next(
      answered
        .when(sfn.Condition.jsonata('{% $edgeShows %}'), done)
        .when(sfn.Condition.jsonata(`{% $edgeAsked >= ${maxAttempts} %}`), props.otherwise ?? notReady())
        .otherwise(wait.next(ask)),
    );
    this.startState = begin;
    this.endStates = [done];
  }
}

/** An expression that stays one where others stand beside it. */
function enclosed(text: string): string {
  const inside = insideJsonata(text);
  return inside === undefined ? text : `{% (${inside}) %}`;
}

function problemsOf({ root, path, condition, interval, maxAttempts }: WaitForEdgeProps): string[] {
  const found: string[] = [];
  const known = wordingOf(root);
  // Of what is a token as a whole, nothing is known.
  if (holdsState(root) || (known !== ' ' && !/^https:\/\/[^/?#]+$/.test(known))) {
    found.push(`\`root\` must be \`https://\` and a host, as Step Functions asks only by https; it is \`${root}\``);
  }
  if (!Token.isUnresolved(path) && path.startsWith('/')) {
    found.push('`path` must not begin with a slash');
  }
  if (insideJsonata(condition) === undefined) {
    found.push("`condition` must be JSONata, such as `{% $states.result.ResponseBody = 'v2' %}`");
  }
  found.push(...attemptProblems(maxAttempts));
  if (interval && !interval.isUnresolved() && interval.toMilliseconds() < 1000) {
    found.push('`interval` must be 1 second or more');
  }
  return found;
}
