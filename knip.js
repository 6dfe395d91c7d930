/** What nobody needs any more: `npm run knip`. Types may be exported for who reads a signature. */
export default {
  entry: [
    'scripts/*.ts',
    // Read by name: benchmarks, what runs in processes of its own.
    'test/bench/*.ts',
    'scripts/release/*.ts',
    'test/bundle/start-probe.ts',
    'test/compliance/edited-transform.ts',
    'test/stack/loopback-only.ts',
    'test/support/start-modules.ts',
    'test/e2e/sdk-behaviour/other-process.ts',
    '**/*.test.ts',
    'console/src/main.tsx',
    // What app developers import.
    'sdk/typescript/*.ts',
    'sdk/typescript/react-native/*.ts',
    'sdk/typescript/node/*.ts',
    'test/virtual-phones/index.ts',
    'sdk/typescript/sample/main.mjs',
  ],
  project: ['{functions,sdk,test,scripts,infra,console}/**/*.{ts,tsx,mjs}'],
  ignoreExportsUsedInFile: { interface: true, type: true },
  // Run by the benchmark of the Kotlin SDK, where it is.
  ignoreBinaries: ['java'],
  ignoreDependencies: [
    // Read as a file, for a page in a browser.
    'axe-core',
    // What the sample installs; its test packs it.
    '@modelseal/client',
    // Real models, read as files.
    '@mediapipe/pose',
    '@mediapipe/selfie_segmentation',
    // A grammar, read as a file.
    '@repomix/tree-sitter-wasms',
    // Run, and handed its compiler, by test/repository/depcruise.ts.
    'dependency-cruiser',
    // Run on the packed client, by sdk/typescript/package.
    'metro',
    'hermes-compiler',
    // The Functions Framework's types need them.
    '@types/express',
  ],
};
