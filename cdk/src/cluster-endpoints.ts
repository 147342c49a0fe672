/**
 * The endpoints of a Route 53 ARC cluster, and what is known of them at synth.
 *
 * In: the endpoints themselves, a parameter that holds them, or a reference to state. Out: what the event says of
 * them, and the Regions and endpoints that the operation table must list.
 */
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { Fn, Token } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';

/**
 * One endpoint of a Route 53 ARC cluster.
 */
export interface ClusterEndpoint {
  /**
   * Its URL, as `DescribeCluster` tells it: `https://….route53-recovery-cluster.us-east-1.amazonaws.com/v1`.
   */
  readonly endpoint: string;

  /**
   * Its Region.
   *
   * @default - the Region that stands in the host of the URL
   */
  readonly region?: string;
}

/**
 * Options for cluster endpoints that come from state.
 */
export interface ClusterEndpointsFromStateOptions {
  /**
   * The Regions that the endpoints may be in.
   *
   * @default - the five Regions in which Route 53 ARC has its cluster endpoints
   */
  readonly regions?: string[];
}

/** Where every cluster has its endpoints. */
const CLUSTER_REGIONS = ['us-east-1', 'us-west-2', 'eu-west-1', 'ap-northeast-1', 'ap-southeast-2'];

const MOST_ENDPOINTS = 5;

/**
 * The endpoints of a Route 53 ARC cluster.
 *
 * Know them before a Region fails: what tells them, the control plane of Route 53 ARC, is in one Region.
 */
export class ClusterEndpoints {
  /**
   * Endpoints that are known when the app is synthesized, or tokens.
   */
  public static of(...endpoints: ClusterEndpoint[]): ClusterEndpoints {
    const problems: string[] = [];
    if (endpoints.length < 1 || endpoints.length > MOST_ENDPOINTS) {
      problems.push(`\`clusterEndpoints\` has ${endpoints.length} endpoints, and a cluster has ${MOST_ENDPOINTS}`);
    }
    const regions = endpoints.flatMap(({ endpoint, region }) => {
      if (region !== undefined) {
        return [region];
      }
      if (Token.isUnresolved(endpoint)) {
        return CLUSTER_REGIONS;
      }
      const own = regionInHost(endpoint);
      if (own === undefined) {
        problems.push(`\`region\` of the cluster endpoint \`${endpoint}\` is missing: its host does not name it`);
      }
      return own ?? [];
    });
    return new ClusterEndpoints(
      endpoints.map(({ endpoint, region }) => ({ Endpoint: endpoint, Region: region })),
      [...new Set(regions)],
      endpoints.map(({ endpoint }) => endpoint),
      problems,
    );
  }

  /**
   * Endpoints in a parameter of Systems Manager: their five URLs, separated by commas.
   *
   * CloudFormation reads the parameter when the stack is deployed, so that nothing has to be asked while a Region
   * fails.
   */
  public static fromSsmParameter(scope: Construct, parameterName: string): ClusterEndpoints {
    const text = ssm.StringParameter.valueForStringParameter(scope, parameterName);
    const urls = CLUSTER_REGIONS.map((_, i) => Fn.select(i, Fn.split(',', text, MOST_ENDPOINTS)));
    return ClusterEndpoints.of(...urls.map((endpoint) => ({ endpoint })));
  }

  /**
   * Endpoints in the state: a list of objects with `Endpoint` and `Region`, as `DescribeCluster` of
   * `route53-recovery-control-config` returns it in `Cluster.ClusterEndpoints`.
   *
   * The function then sends signed requests to any cluster in the given Regions, and to no other host.
   *
   * @param endpoints a JSONPath reference, such as `sfn.JsonPath.objectAt('$.endpoints')`, or a JSONata expression
   */
  public static fromState(endpoints: any, options: ClusterEndpointsFromStateOptions = {}): ClusterEndpoints {
    const regions = options.regions ?? CLUSTER_REGIONS;
    return new ClusterEndpoints(
      endpoints,
      regions,
      regions.map((region) => `https://*.route53-recovery-cluster.${region}.amazonaws.com/v1`),
      regions.length === 0 ? ['`regions` of the cluster endpoints is empty: name the Regions, or leave it out'] : [],
    );
  }

  private constructor(
    /**
     * What the event says.
     *
     * @internal
     */
    public readonly _event: unknown,
    /** @internal */
    public readonly _regions: string[],
    /** @internal */
    public readonly _endpoints: string[],
    /** @internal */
    public readonly _problems: string[],
  ) {}
}

function regionInHost(endpoint: string): string | undefined {
  return /^https:\/\/[a-z0-9-]+\.route53-recovery-cluster\.([a-z0-9-]+)\.amazonaws\.com\//i.exec(endpoint)?.[1];
}
