const shared = {
  testEnvironment: 'node',
  roots: ['<rootDir>/src', '<rootDir>/test'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '@swc/jest' },
};

/** `unit` is the part for every save; `fuzz` takes its time; `whole` starts processes and gateways. */
export default {
  maxWorkers: '100%',
  // Machines are shared: a slow one is no fault of the code.
  testTimeout: 60_000,
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts'],
  reporters: ['default', '<rootDir>/test/support/closing-line.mjs'],
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['<rootDir>/test/{unit,conformance}/**/*.test.ts'],
    },
    { ...shared, displayName: 'fuzz', testMatch: ['<rootDir>/test/fuzz/**/*.test.ts'] },
    {
      ...shared,
      displayName: 'whole',
      testMatch: ['<rootDir>/test/{e2e,gateways,k8s}/**/*.test.ts'],
    },
  ],
};
