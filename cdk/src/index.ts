/**
 * What a CDK user imports. Everything that is not named here is an implementation detail.
 */
export * from './aggregation';
export * from './assume-role';
export * from './call-aws-service-cross-region';
export * from './call-options';
export * from './cluster-endpoints';
export * from './cross-region-function';
export * from './cross-region-task';
export * from './deaggregate-records';
export * from './idempotency';
export * from './if-match';
export * from './ingest-knowledge-base';
export * from './key-value-entries';
export * from './put-aggregated-records';
export * from './relay-stream';
export * from './result-to';
export * from './set-routing-controls';
export * from './source-object-options';
export * from './sync-key-value-store';
export * from './transfer-object';
export * from './wait-for';
export * from './wait-for-edge';
export * from './failover';
