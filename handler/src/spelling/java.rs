//! What the AWS SDK for Java v2 calls the things of a model; Step Functions' own integrations use these names.
//!
//! Enters: the model's names. Leaves: the Java SDK's, a member's as its getter without `get`. Nothing fails.
//!
//! The rules are those of that SDK's code generator. A member loses only the capitals that it begins with
//! (`DBClusterARN` is `DbClusterARN`); exceptions and services are taken apart into words, each of which is
//! capitalised (`DBInstanceNotFoundFault` is `DbInstanceNotFoundException`). A member that would be a word or a
//! method of Java ends in `Value`; a few have a name of their own. `cdk/src/java-names.ts` follows the same rules,
//! and `tests/data/java-names.json` holds both to published names.

/// Words of the language, whatever their case.
const KEYWORDS: [&str; 53] = [
    "abstract",
    "assert",
    "boolean",
    "break",
    "byte",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "continue",
    "default",
    "do",
    "double",
    "else",
    "enum",
    "extends",
    "false",
    "final",
    "finally",
    "float",
    "for",
    "goto",
    "if",
    "implements",
    "import",
    "instanceof",
    "int",
    "interface",
    "long",
    "native",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "short",
    "static",
    "strictfp",
    "super",
    "switch",
    "synchronized",
    "this",
    "throw",
    "throws",
    "transient",
    "true",
    "try",
    "void",
    "volatile",
    "while",
];

/// Methods of every generated class.
const METHODS: [&str; 11] = [
    "builder",
    "equals",
    "finalize",
    "getClass",
    "hashCode",
    "notify",
    "notifyAll",
    "sdkFields",
    "toBuilder",
    "toString",
    "wait",
];

/// Further methods of requests, responses and what they are made of.
const STRUCTURE_METHODS: [&str; 2] = ["overrideConfiguration", "sdkHttpResponse"];

/// Further methods of exceptions.
const EXCEPTION_METHODS: [&str; 15] = [
    "awsErrorDetails",
    "cause",
    "fillInStackTrace",
    "getCause",
    "getLocalizedMessage",
    "getMessage",
    "getStackTrace",
    "getSuppressed",
    "isClockSkewException",
    "isThrottlingException",
    "printStackTrace",
    "requestId",
    "retryable",
    "serializableBuilderClass",
    "statusCode",
];

/// Members that the Java SDK renames by hand: service, shape, member, its name. These tables hold what the
/// configuration of its services had in March 2022, less what the rules give anyway; of those that came later, none
/// that was looked at renames anything.
pub const RENAMED: [(&str, &str, &str, &str); 11] = [
    ("cloudformation", "ListStacksInput", "StackStatusFilter", "StackStatusFilters"),
    ("cloudsearchdomain", "SearchRequest", "return", "ReturnValues"),
    ("cognito-idp", "AccountTakeoverActionType", "Notify", "SendNotification"),
    ("dynamodb", "AttributeValue", "NULL", "Nul"),
    ("dynamodbstreams", "AttributeValue", "NULL", "Nul"),
    ("ec2", "FpgaImage", "Public", "IsPublic"),
    ("ec2", "Image", "Public", "PublicLaunchPermissions"),
    ("elasticbeanstalk", "CreatePlatformVersionResult", "Builder", "PlatformBuilder"),
    ("snowball", "Notification", "NotifyAll", "NotifyAllJobStates"),
    ("sns", "AddPermissionInput", "AWSAccountId", "AwsAccountIds"),
    ("sns", "AddPermissionInput", "ActionName", "ActionNames"),
];

/// The same in exceptions: service, member, its name, and in which.
pub const RENAMED_IN_ERRORS: [(&str, &str, &str, &[&str]); 6] = [
    (
        "ds",
        "RequestId",
        "DirectoryRequestId",
        &[
            "AccessDeniedException",
            "AuthenticationFailedException",
            "ClientException",
            "DirectoryAlreadySharedException",
            "DirectoryLimitExceededException",
            "DirectoryNotSharedException",
            "DirectoryUnavailableException",
            "DomainControllerLimitExceededException",
            "EntityAlreadyExistsException",
            "EntityDoesNotExistException",
            "InsufficientPermissionsException",
            "InvalidNextTokenException",
            "InvalidParameterException",
            "InvalidPasswordException",
            "InvalidTargetException",
            "IpRouteLimitExceededException",
            "ServiceException",
            "ShareLimitExceededException",
            "SnapshotLimitExceededException",
            "TagLimitExceededException",
            "UnsupportedOperationException",
            "UserDoesNotExistException",
        ],
    ),
    ("ds", "RequestId", "Directoryrequestid", &["OrganizationsException"]),
    ("emr", "ErrorCode", "EmrErrorCode", &["InvalidRequestException"]),
    (
        "inspector",
        "errorCode",
        "InspectorErrorCode",
        &[
            "AccessDeniedException",
            "InvalidCrossAccountRoleException",
            "InvalidInputException",
            "LimitExceededException",
            "NoSuchEntityException",
        ],
    ),
    (
        "quicksight",
        "RequestId",
        "QuicksightRequestId",
        &[
            "AccessDeniedException",
            "DomainNotWhitelistedException",
            "IdentityTypeNotSupportedException",
            "InternalFailureException",
            "InvalidNextTokenException",
            "InvalidParameterValueException",
            "LimitExceededException",
            "PreconditionNotMetException",
            "QuickSightUserNotFoundException",
            "ResourceExistsException",
            "ResourceNotFoundException",
            "ResourceUnavailableException",
            "SessionLifetimeInMinutesInvalidException",
            "ThrottlingException",
            "UnsupportedUserEditionException",
        ],
    ),
    (
        "sso-oidc",
        "error_description",
        "ErrorDescription",
        &[
            "AccessDeniedException",
            "AuthorizationPendingException",
            "ExpiredTokenException",
            "InternalServerException",
            "InvalidClientException",
            "InvalidClientMetadataException",
            "InvalidGrantException",
            "InvalidRequestException",
            "InvalidScopeException",
            "SlowDownException",
            "UnauthorizedClientException",
            "UnsupportedGrantTypeException",
        ],
    ),
];

/// Exceptions that the Java SDK renames by hand: service, shape, its name.
pub const RENAMED_ERRORS: [(&str, &str, &str); 5] = [
    ("elb", "AccessPointNotFoundException", "LoadBalancerNotFoundException"),
    ("elb", "DuplicateAccessPointNameException", "DuplicateLoadBalancerNameException"),
    ("elb", "InvalidEndPointException", "InvalidInstanceException"),
    ("elb", "TooManyAccessPointsException", "TooManyLoadBalancersException"),
    (
        "marketplacecommerceanalytics",
        "MarketplaceCommerceAnalyticsException",
        "MarketplaceCommerceAnalyticsServiceException",
    ),
];

/// Services whose exceptions descend from another service's.
const BASE_EXCEPTIONS: [(&str, &str); 2] =
    [("dynamodbstreams", "DynamoDbException"), ("waf-regional", "WafException")];

/// A member of a structure, `is_error` for one that is an exception: `DBClusterIdentifier` is `DbClusterIdentifier`.
pub fn member(service: &str, shape: &str, is_error: bool, name: &str) -> String {
    let renamed = RENAMED.iter().find(|(id, of, it, _)| (*id, *of, *it) == (service, shape, name));
    let in_errors = || {
        let mut all = RENAMED_IN_ERRORS.iter().filter(|_| is_error);
        all.find(|(id, it, _, shapes)| (*id, *it) == (service, name) && shapes.contains(&shape))
    };
    if let Some(renamed) = renamed.map(|it| it.3).or_else(|| Some(in_errors()?.2)) {
        return renamed.to_owned();
    }
    let mut variable = uncapitalised(name);
    let methods: &[&str] = if is_error { &EXCEPTION_METHODS } else { &STRUCTURE_METHODS };
    if KEYWORDS.contains(&variable.to_lowercase().as_str())
        || METHODS.contains(&variable.as_str())
        || methods.contains(&variable.as_str())
    {
        variable.push_str("Value");
    }
    capitalised(&variable)
}

/// A modelled error: `DBInstanceNotFoundFault` is `DbInstanceNotFoundException`.
pub fn exception(service: &str, shape: &str) -> String {
    let renamed = RENAMED_ERRORS.iter().find(|(id, of, _)| (*id, *of) == (service, shape));
    let shape = renamed.map_or(shape, |it| it.2);
    let stem = shape.strip_suffix("Fault").or_else(|| shape.strip_suffix("Exception")).unwrap_or(shape);
    format!("{}Exception", pascal_case(stem))
}

/// What an error is that the model does not know: `S3Exception`.
pub fn base_exception(service: &str, service_id: &str) -> String {
    BASE_EXCEPTIONS
        .iter()
        .find(|(id, _)| *id == service)
        .map_or_else(|| format!("{}Exception", self::service(service_id)), |(_, name)| (*name).to_owned())
}

/// A service by its id, which Step Functions puts before the error's name: `CloudWatch Logs` is `CloudWatchLogs`.
pub fn service(service_id: &str) -> String {
    let name = pascal_case(service_id);
    let name = name.strip_prefix("Amazon").unwrap_or(&name);
    let name = name.strip_prefix("Aws").unwrap_or(name);
    name.strip_suffix("Service").unwrap_or(name).to_owned()
}

/// The capitals at the beginning in lower case, but for the last one where a word begins with it.
fn uncapitalised(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let is_upper = |at: usize| letters.get(at).is_some_and(char::is_ascii_uppercase);
    let is_lower = |at: usize| letters.get(at).is_some_and(char::is_ascii_lowercase);
    let capitals = (1..letters.len()).take_while(|at| is_upper(*at) && !is_lower(at + 1)).count() + 1;
    letters
        .iter()
        .enumerate()
        .map(|(at, letter)| if at < capitals { letter.to_ascii_lowercase() } else { *letter })
        .collect()
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn pascal_case(name: &str) -> String {
    words(name).iter().map(|word| capitalised(&word.to_ascii_lowercase())).collect()
}

/// The words of a name. They end where the case says so (`DB|Instance`, `Not|Found`), before a letter after a digit
/// (`EC2|Instance`), around a version (`Test|V4`), and at whatever is neither letter nor digit.
fn words(name: &str) -> Vec<String> {
    let characters: Vec<char> =
        name.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { ' ' }).collect();
    let mut begins = vec![false; characters.len() + 1];
    mark_versions(&characters, &mut begins, 'v', |it| !it.is_ascii_lowercase());
    mark_versions(&characters, &mut begins, 'V', |it| !it.is_ascii_uppercase());
    let versions = begins.clone();
    let at = |place: usize| characters.get(place).copied().unwrap_or(' ');
    let together = |place: usize| !versions.get(place).copied().unwrap_or_default();
    for place in 1..characters.len() {
        let (before, here, after) = (at(place - 1), at(place), at(place + 1));
        let word_after_word = before.is_ascii_lowercase()
            && here.is_ascii_uppercase()
            && after.is_ascii_alphanumeric()
            && together(place + 1);
        let word_after_acronym = before.is_ascii_uppercase()
            && here.is_ascii_uppercase()
            && after.is_ascii_lowercase()
            && together(place)
            && together(place + 1);
        let letter_after_digit = before.is_ascii_digit() && here.is_ascii_alphabetic();
        if let Some(begin) = begins.get_mut(place)
            && (word_after_word || word_after_acronym || letter_after_digit)
        {
            *begin = true;
        }
    }
    let mut words = vec![String::new()];
    for (character, begins) in characters.into_iter().zip(begins) {
        if begins || character == ' ' {
            words.push(String::new());
        }
        if character != ' '
            && let Some(word) = words.last_mut()
        {
            word.push(character);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// `v4` after at least two characters of another case is a word of its own.
fn mark_versions(characters: &[char], begins: &mut [bool], letter: char, is_other: impl Fn(char) -> bool) {
    for (place, _) in characters.iter().enumerate().filter(|(_, character)| **character == letter) {
        let digits =
            characters.iter().skip(place + 1).take_while(|character| character.is_ascii_digit()).count();
        let stands_alone = place
            .checked_sub(2)
            .and_then(|from| characters.get(from..place))
            .is_some_and(|before| before.iter().all(|character| is_other(*character)));
        if digits > 0 && stands_alone {
            for edge in [place, place + 1 + digits] {
                if let Some(begin) = begins.get_mut(edge) {
                    *begin = true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_loses_the_capitals_it_begins_with() {
        for (name, expected) in [
            ("A", "A"),
            ("AB", "Ab"),
            ("AToken", "AToken"),
            ("MFAToken", "MfaToken"),
            ("knowledgeBaseId", "KnowledgeBaseId"),
            ("MD5OfMessageBody", "Md5OfMessageBody"),
            ("EnableIAMDatabaseAuthentication", "EnableIAMDatabaseAuthentication"),
        ] {
            assert_eq!(member("x", "X", false, name), expected);
        }
    }

    #[test]
    fn words_and_methods_of_java_get_a_value() {
        assert_eq!(member("x", "X", false, "Default"), "DefaultValue");
        assert_eq!(member("x", "X", false, "NULL"), "NullValue");
        assert_eq!(member("x", "X", false, "equals"), "EqualsValue");
        // A method of one kind of class is free in the other.
        assert_eq!(member("x", "X", false, "requestId"), "RequestId");
        assert_eq!(member("x", "X", true, "requestId"), "RequestIdValue");
        assert_eq!(member("x", "X", true, "overrideConfiguration"), "OverrideConfiguration");
    }

    /// Names and their words as the Java SDK's own tests have them.
    #[test]
    fn names_are_taken_apart_as_the_java_sdk_does() {
        for (name, expected) in [
            ("IPv4", "IP v4"),
            ("ipV4", "ip V4"),
            ("ipv4", "ipv4"),
            ("IPMatch", "IP Match"),
            ("EC2Instance", "EC2 Instance"),
            ("MS-CHAPv1", "MS CHAP v1"),
            ("EC_prime256v1", "EC prime256 v1"),
            ("EC_PRIME256V1", "EC PRIME256 V1"),
            ("EC2v11.4", "EC2 v11 4"),
            ("TLSv1.2", "TLS v1 2"),
            ("testNESTEDAcronym", "test NESTED Acronym"),
            ("IoT", "IoT"),
            ("__foo___", "foo"),
            ("IFrame", "I Frame"),
            ("S3EC2", "S3 EC2"),
            ("s3ec2", "s3 ec2"),
        ] {
            assert_eq!(words(name).join(" "), expected, "{name}");
        }
    }

    #[test]
    fn exceptions_end_in_exception_once() {
        for (shape, expected) in [
            ("DBInstanceNotFoundFault", "DbInstanceNotFoundException"),
            ("NoSuchKey", "NoSuchKeyException"),
            ("ResourceNotFoundException", "ResourceNotFoundException"),
            ("InternalServerError", "InternalServerErrorException"),
        ] {
            assert_eq!(exception("x", shape), expected);
        }
    }
}
