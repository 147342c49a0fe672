/** Every test runs against the oldest aws-cdk-lib that the package allows, and against a current one. */
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
      testPathIgnorePatterns: ['/node_modules/', '/parity\\.test\\.ts$'],
    },
    {
      ...common,
      displayName: 'current',
      moduleNameMapper: { ...mapped, '^aws-cdk-lib(/.*)?$': 'aws-cdk-lib-latest$1' },
    },
  ],
};
