/** Tests run as native ES modules (node --experimental-vm-modules), TypeScript transformed by swc. */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/{functions,sdk,scripts,test,infra}/**/*.test.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2024', parser: { syntax: 'typescript' } },
        module: { type: 'es6' },
      },
    ],
  },
  extensionsToTreatAsEsm: ['.ts'],
  setupFiles: ['<rootDir>/test/support/setup.ts'],
  testTimeout: 30_000,
};
