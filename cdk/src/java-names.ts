/**
 * What the AWS SDK for Java v2 calls the members of a model; Step Functions' own integrations use these names.
 *
 * In: a member as the model has it. Out: its name: its getter in Java without `get`.
 * A member loses the capitals that it begins with (`DBClusterARN` is `DbClusterARN`); one that would be a word or a
 * method of Java ends in `Value`; a few have a name of their own. The handler follows the same rules.
 */

/** Words of the language, and methods of every generated class. */
const RESERVED = new Set(
  (
    'abstract assert boolean break byte case catch char class const continue default do double else enum extends ' +
    'false final finally float for goto if implements import instanceof int interface long native new null package ' +
    'private protected public return short static strictfp super switch synchronized this throw throws transient ' +
    'true try void volatile while ' +
    'builder equals finalize getClass hashCode notify notifyAll overrideConfiguration sdkFields sdkHttpResponse ' +
    'toBuilder toString wait'
  ).split(' '),
);

/** Members that the Java SDK renames by hand, by service, shape and member. */
const RENAMED: Readonly<Record<string, string>> = {
  'cloudformation ListStacksInput StackStatusFilter': 'StackStatusFilters',
  'cloudsearchdomain SearchRequest return': 'ReturnValues',
  'cognito-idp AccountTakeoverActionType Notify': 'SendNotification',
  'dynamodb AttributeValue NULL': 'Nul',
  'dynamodbstreams AttributeValue NULL': 'Nul',
  'ec2 FpgaImage Public': 'IsPublic',
  'ec2 Image Public': 'PublicLaunchPermissions',
  'elasticbeanstalk CreatePlatformVersionResult Builder': 'PlatformBuilder',
  'snowball Notification NotifyAll': 'NotifyAllJobStates',
  'sns AddPermissionInput AWSAccountId': 'AwsAccountIds',
  'sns AddPermissionInput ActionName': 'ActionNames',
};

/** A member of a structure: `DBClusterIdentifier` is `DbClusterIdentifier`. */
export function javaMember(service: string, shape: string, member: string): string {
  const renamed = RENAMED[`${service} ${shape} ${member}`];
  if (renamed !== undefined) {
    return renamed;
  }
  const variable = uncapitalized(member);
  const isReserved = RESERVED.has(variable) || RESERVED.has(variable.toLowerCase());
  return capitalized(isReserved ? `${variable}Value` : variable);
}

/** The capitals at the beginning in lower case, but for the last one where a word begins with it. */
function uncapitalized(name: string): string {
  const capitals = /^.(?:[A-Z](?![a-z]))*/.exec(name)?.[0] ?? '';
  return capitals.toLowerCase() + name.slice(capitals.length);
}

function capitalized(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
