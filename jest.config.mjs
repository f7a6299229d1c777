const shared = {
  testEnvironment: 'node',
  roots: ['<rootDir>/src', '<rootDir>/test'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '@swc/jest' },
};

/** `unit` is the part for every save; `whole` starts processes and real gateways. */
export default {
  maxWorkers: '100%',
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts'],
  reporters: ['default', '<rootDir>/test/support/closing-line.mjs'],
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['<rootDir>/test/{unit,conformance,fuzz}/**/*.test.ts'],
    },
    { ...shared, displayName: 'whole', testMatch: ['<rootDir>/test/{e2e,gateways}/**/*.test.ts'] },
  ],
};
