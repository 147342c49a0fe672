/**
 * What it takes to read an S3 object that holds the input of a procedure.
 *
 * In: the bucket and the key, which may come from state. Out: the event's part, the place in the operation table, the IAM
 * statements for reading there, and what is wrong with it.
 */
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { keyStatements } from './key-statement';
import { boundOf, boundProblems, boundWildcards, keysWithin, Naming } from './object-key';
import { BucketPlace, bucketPlace } from './operation-table';
import { inRegions } from './permissions';
import { regionProblems } from './region';
import { SourceObjectOptions } from './source-object-options';

/** An object that is read. */
export interface SourceObject extends SourceObjectOptions {
  readonly bucket: s3.IBucket;
  readonly key: string;
}

/** What reading it takes. */
export interface ReadingPlan {
  /** Where the bucket is. */
  readonly regions: string[];
  readonly places: BucketPlace[];
  readonly statements: iam.PolicyStatement[];
  readonly problems: string[];
}

/** Where nothing is read, or nothing that could be permitted. */
export const NOTHING_READ: ReadingPlan = { regions: [], places: [], statements: [], problems: [] };

/**
 * The event's part.
 */
export function renderSource(object: SourceObject): Record<string, unknown> {
  return {
    Bucket: object.bucket.bucketName,
    Key: object.key,
    VersionId: object.versionId,
    region: regionOf(object),
  };
}

/**
 * What the function may read, and nothing else.
 */
export function planReading(object: SourceObject | undefined, naming: Naming): ReadingPlan {
  if (!object) {
    return NOTHING_READ;
  }
  const { bucket, key, versionId } = object;
  const region = regionOf(object);
  const problems = [
    ...boundProblems(object, naming),
    ...boundWildcards(object, naming),
    ...regionProblems(region, naming('region')),
  ];
  if (problems.length > 0) {
    return { ...NOTHING_READ, problems };
  }
  const bound = boundOf(object);
  const read = new iam.PolicyStatement({
    actions: [versionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion'],
    resources: [bucket.arnForObjects(keysWithin(bound, key))],
    conditions: inRegions([region]),
  });
  return {
    regions: [region],
    places: [bucketPlace(bucket.bucketName, bound)],
    statements: [read, ...keyStatements(bucket.encryptionKey, ['kms:Decrypt'])],
    problems,
  };
}

function regionOf({ bucket, region }: SourceObject): string {
  return region ?? bucket.env.region;
}
