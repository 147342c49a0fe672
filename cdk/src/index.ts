/**
 * What a CDK user imports. Everything that is not named here is an implementation detail.
 */
export * from './call-aws-service-cross-region';
export * from './call-options';
export * from './cross-region-function';
export * from './idempotency';
export * from './wait-for';
export * from './failover';
