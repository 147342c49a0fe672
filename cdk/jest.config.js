/**
 * Every test runs against the oldest aws-cdk-lib that the package allows, and against a current one; two run against a
 * current one alone. `parity` compares with what the oldest does not have, and `embargo-of-aurora` starts a database for
 * SQL that is the same with both.
 */
const common = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  transform: { '\\.ts$': ['ts-jest', { tsconfig: '<rootDir>/tsconfig.dev.json' }] },
};
const mapped = {
  '^\\./package-folder$': '<rootDir>/test/package-folder.ts',
  '^cdk-cross-region-tasks$': '<rootDir>/src/index.ts',
};

module.exports = {
  projects: [
    {
      ...common,
      displayName: 'oldest',
      moduleNameMapper: mapped,
      testPathIgnorePatterns: ['/node_modules/', '/(parity|embargo-of-aurora)\\.test\\.ts$'],
    },
    {
      ...common,
      displayName: 'current',
      moduleNameMapper: { ...mapped, '^aws-cdk-lib(/.*)?$': 'aws-cdk-lib-latest$1' },
    },
  ],
};
