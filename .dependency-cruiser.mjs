/**
 * Which way imports go: `npm run depcruise`. Type imports count, so that what one file has to know of
 * another shows. CONTRIBUTING.md says why; test/repository/imports.test.ts sees each rule fail.
 */
import { join } from 'node:path';

const DOMAINS =
  'attestation|catalogue|formats|fraud|grants|identity|ledger|operators|privacy|watermark';
/** What has nothing of the cloud: interfaces, and what every caller and every double shares. */
const CLOUD_INTERFACES =
  'documents|document-kind|event-publisher|keys|objects|signed-url|upstream-error';
const ENTRIES = '^functions/(main|register|registry|composition|services)\\.ts$';
const TESTS = '\\.test\\.tsx?$';

/** Tests that still take something of a script; each name that goes is a file that was put right. */
const STILL_WITH_SCRIPTS = [
  'test/e2e/(dead-letters|shutdown).test',
  'test/stack/event-log.test',
].join('|');

const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

export default {
  forbidden: [
    rule('no-cycle', 'a file must not need itself, types counted', {}, { circular: true }),
    rule(
      'protocol-alone',
      'both ends speak it: it knows nothing of either',
      { path: '^functions/protocol/', pathNot: TESTS },
      { path: '^(functions|sdk|test|scripts)/', pathNot: '^functions/protocol/' },
    ),
    rule(
      'sdk-protocol-only',
      'device code imports of the backend what both ends speak',
      { path: '^sdk/', pathNot: TESTS },
      { path: '^(functions|test|scripts)/', pathNot: '^functions/protocol/' },
    ),
    rule(
      'no-test-from-source',
      'what is delivered does not hang on its tests',
      { path: '^(functions|sdk)/', pathNot: TESTS },
      { path: `^test/|${TESTS}` },
    ),
    rule(
      'nothing-to-scripts',
      'scripts are for people to type: what others need of them belongs elsewhere',
      { path: '^(functions|sdk|test|infra)/', pathNot: `^(${STILL_WITH_SCRIPTS})\\.ts$` },
      { path: '^scripts/' },
    ),
    rule(
      'no-sdk-from-backend',
      'the backend knows no device code',
      { path: '^functions/', pathNot: TESTS },
      { path: '^sdk/' },
    ),
    rule(
      'console-by-types-alone',
      'the page speaks to the backend over HTTP, and knows of it what it answers',
      { path: '^console/' },
      { path: '^(functions|sdk|test|scripts|infra)/', dependencyTypesNot: ['type-only'] },
    ),
    rule(
      'domain-below-entries',
      'domains know neither who calls them nor how they are composed',
      { path: `^functions/(${DOMAINS})/`, pathNot: TESTS },
      { path: `^functions/(api|workers)/|${ENTRIES}` },
    ),
    rule(
      'endpoints-below-composition',
      'an endpoint is handed what it works with',
      { path: '^functions/(api|workers)/', pathNot: TESTS },
      { path: ENTRIES },
    ),
    rule(
      'cloud-clients-from-composition-only',
      'everybody else sees their interfaces',
      { path: `^functions/(${DOMAINS}|api|workers|protocol|observability)/`, pathNot: TESTS },
      { path: '^functions/cloud/', pathNot: `^functions/cloud/(${CLOUD_INTERFACES})\\.ts$` },
    ),
    rule(
      'cloud-below-domains',
      'a client knows the service and its interface, nothing of what we do with it',
      { path: '^functions/cloud/', pathNot: TESTS },
      { path: '^functions/', pathNot: '^functions/(cloud|protocol)/|^functions/errors\\.ts$' },
    ),
    // The sample imports the packed client, which its test installs.
    rule(
      'resolvable',
      'every import leads somewhere',
      { pathNot: '^sdk/typescript/sample/' },
      { couldNotResolve: true },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|dist-unbundled)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: join(import.meta.dirname, 'tsconfig.json') },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
