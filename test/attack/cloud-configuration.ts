/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: source texts, as they are written there. */
/** A production that trusts what is for tests. */
import type * as versions from '../../functions/cloud/signing-versions.ts';
import type * as configs from '../../functions/config.ts';
import { LOCAL_SIGNING_KEYS } from '../doubles/kms/kms-keys.ts';
import { testEnvironment } from '../support/environment.ts';
import { type Attack, edit, SUCCEEDED } from './attack.ts';
import type { Edit } from './mutant.ts';

const loads =
  (changes: Readonly<Record<string, string>>): Attack['run'] =>
  async (lab) => {
    const { loadConfig } = await lab.load<typeof configs>('functions/config.ts');
    try {
      loadConfig({ ...testEnvironment(), K_SERVICE: 'grant', ...changes });
      return SUCCEEDED;
    } catch (error) {
      return (error as Error).name;
    }
  };

const LOCAL_VARIABLES = edit(
  'functions/config.ts',
  'problems.push(`${name}: not allowed on Google Cloud`);',
  'void 0;',
);
const production = (
  name: string,
  tries: string,
  edits: readonly Edit[],
  changes: Record<string, string>,
): Attack => ({
  name: `cloud/${name}`,
  tries,
  refused: 'ConfigError',
  defence: 'nothing of a local stack starts on Google Cloud',
  off: { edits },
  run: loads(changes),
});

const VERSIONS = 'functions/cloud/signing-versions.ts';

export const cloudConfiguration: readonly Attack[] = [
  {
    name: 'cloud/own-key-version',
    tries: 'a version of the licence key that somebody made in Cloud KMS, to sign with it',
    refused: 'not chosen',
    defence: 'only the version that the deployment chose signs',
    off: { edits: [edit(VERSIONS, 'signingKidOf(keys, key) === kid', 'kid.startsWith(key)')] },
    run: async (lab) => {
      const { signedBy } = await lab.load<typeof versions>(VERSIONS);
      return signedBy(LOCAL_SIGNING_KEYS, 'licence.3') ? SUCCEEDED : 'not chosen';
    },
  },
  production(
    'test-roots',
    'test roots in production, under which anybody attests',
    [LOCAL_VARIABLES],
    {
      TEST_TRUST_ANCHORS: JSON.stringify({ appAttest: [], appleReceipt: [], keyAttestation: [] }),
    },
  ),
  production('emulated-database', 'a database of one’s own in production', [LOCAL_VARIABLES], {
    FIRESTORE_ENDPOINT: 'http://127.0.0.1:1',
  }),
  production(
    'plain-http-issuer',
    'an identity provider without TLS in production',
    [
      edit(
        'functions/config.ts',
        "problems.push('OIDC_ISSUERS: an issuer must use https on Google Cloud');",
      ),
    ],
    {
      OIDC_ISSUERS: JSON.stringify([
        { issuer: 'http://id.example', audience: 'a', jwksUri: 'http://id.example/jwks' },
      ]),
    },
  ),
];
