import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const ROOT = join(import.meta.dirname, '../..');
const A = 'export const a = 1;\n';

/** A small house in which nothing is wrong: imports go down, also those of types. */
const SOUND: Readonly<Record<string, string>> = {
  'package.json': '{"name":"house","type":"module","private":true}',
  'functions/main.ts': "import './composition.ts';\n",
  'functions/composition.ts':
    "import { a } from './cloud/kms.ts';\nimport { endpoint } from './api/grant.ts';\nexport const all = [a, endpoint];\n",
  'functions/errors.ts': A,
  'functions/api/grant.ts':
    "import { admit } from '../grants/admit.ts';\nexport const endpoint = admit;\n",
  'functions/grants/admit.ts':
    "import type { K } from '../cloud/keys.ts';\nimport { a } from '../protocol/cell.ts';\nexport const admit = (k: K) => [k, a];\n",
  'functions/cloud/keys.ts': 'export type K = number;\n',
  'functions/cloud/kms.ts': "import type { K } from './keys.ts';\nexport const a: K = 1;\n",
  'functions/protocol/cell.ts': A,
  'functions/protocol/cell.test.ts':
    "import { a } from '../../test/support/a.ts';\nexport const b = a;\n",
  'sdk/typescript/client.ts':
    "import { a } from '../../functions/protocol/cell.ts';\nexport const client = a;\n",
  'test/support/a.ts': A,
  'console/page.ts':
    "import type { a } from '../functions/errors.ts';\nexport type A = typeof a;\n",
  'scripts/start.ts': "import { a } from '../test/support/a.ts';\nexport const b = a;\n",
};

/** One file more, or another text of one, and the rule that it breaks. */
const PLANTED: readonly (readonly [rule: string, file: string, text: string])[] = [
  [
    'no-cycle',
    'functions/cloud/keys.ts',
    "import type { a } from './kms.ts';\nexport type K = number | typeof a;\n",
  ],
  ['protocol-alone', 'functions/protocol/bad.ts', "import '../errors.ts';\n"],
  ['sdk-protocol-only', 'sdk/typescript/bad.ts', "import '../../functions/errors.ts';\n"],
  ['no-test-from-source', 'functions/api/bad.ts', "import '../../test/support/a.ts';\n"],
  ['nothing-to-scripts', 'test/support/bad.ts', "import '../../scripts/start.ts';\n"],
  ['no-sdk-from-backend', 'functions/fraud/bad.ts', "import '../../sdk/typescript/client.ts';\n"],
  [
    'domain-below-entries',
    'functions/identity/bad.ts',
    "import type { endpoint } from '../api/grant.ts';\nexport type E = typeof endpoint;\n",
  ],
  [
    'endpoints-below-composition',
    'functions/workers/bad.ts',
    "import type { all } from '../composition.ts';\nexport type All = typeof all;\n",
  ],
  ['cloud-clients-from-composition-only', 'functions/ledger/bad.ts', "import '../cloud/kms.ts';\n"],
  ['cloud-below-domains', 'functions/cloud/bad.ts', "import '../grants/admit.ts';\n"],
  ['console-by-types-alone', 'console/bad.ts', "import '../functions/errors.ts';\n"],
  ['resolvable', 'functions/catalogue/bad.ts', "import './nowhere.ts';\n"],
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelseal-house-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function build(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const house = join(folder, name);
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(house, file)), { recursive: true });
    await writeFile(join(house, file), text);
  }
  return house;
}

/** Standard output of a tool that is run in that house, whatever it exits with. */
function outputOf(house: string, program: string, ...flags: readonly string[]): Promise<string> {
  const args = ['--disable-warning=ExperimentalWarning', join(ROOT, program), ...flags];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd: house }, (error, stdout, stderr) => {
      if (error && stdout === '') reject(new Error(stderr));
      else resolve(stdout);
    });
  });
}

async function brokenRules(house: string): Promise<readonly string[]> {
  const flags = ['--output-type', 'json', 'functions', 'sdk', 'test', 'scripts', 'console'];
  const output = await outputOf(house, 'test/repository/depcruise.ts', ...flags);
  const { summary } = JSON.parse(output) as {
    summary: { violations: readonly { rule: { name: string } }[] };
  };
  return [...new Set(summary.violations.map(({ rule }) => rule.name))];
}

describe('npm run depcruise', () => {
  it('finds nothing where imports go the right way', async () => {
    expect(await brokenRules(await build('sound', SOUND))).toEqual([]);
  });

  it.each(PLANTED)('finds what breaks %s', async (rule, file, text) => {
    expect(await brokenRules(await build(rule, { ...SOUND, [file]: text }))).toEqual([rule]);
  });
});

describe('npm run knip', () => {
  const USED = {
    'package.json':
      '{"name":"house","type":"module","private":true,"dependencies":{"unused":"1.0.0"}}',
    'scripts/start.ts': "import { a } from '../functions/used.ts';\nconsole.log(a);\n",
    'functions/used.ts': `${A}export const dead = 2;\n`,
    'functions/forgotten.ts': A,
  };

  it('finds files, exports and dependencies that nobody needs', async () => {
    const house = await build('dead', USED);
    await symlink(join(ROOT, 'knip.js'), join(house, 'knip.js'));
    const output = await outputOf(house, 'node_modules/knip/bin/knip.js', '--reporter', 'json');
    const { issues } = JSON.parse(output) as {
      issues: readonly Record<'files' | 'exports' | 'dependencies', readonly { name: string }[]>[];
    };
    const named = (kind: 'files' | 'exports' | 'dependencies') =>
      issues.flatMap((issue) => issue[kind].map(({ name }) => name));
    expect(named('files')).toEqual(['functions/forgotten.ts']);
    expect(named('exports')).toEqual(['dead']);
    expect(named('dependencies')).toEqual(['unused']);
  });
});
