/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: Terraform's own templates, as they are written. */
/** The cloud around the functions: workers called from outside, the database from a browser, a production that trusts tests. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as configs from '../../functions/config.ts';
import { eventMessage } from '../../functions/fraud/event-message.ts';
import { newEvent } from '../../functions/fraud/events.ts';
import { testEnvironment } from '../../test/environment.ts';
import { findEmulators } from '../local/emulators.ts';
import type * as doors from '../local/front-door.ts';
import { freePort, untilAnswering } from '../local/ports.ts';
import { createProcessGroup } from '../local/process-group.ts';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import { type Arrival, readInfrastructure, refusalOf } from './cloud-run.ts';
import type { Api, Lab } from './lab.ts';
import { verbatim } from './requests.ts';

const MEMBER = 'member   = "serviceAccount:${google_service_account.invoker[each.value].email}"';
const openTo = (whom: string) => edit('infra/iam.tf', MEMBER, `member   = "${whom}"`);
const ANY_INGRESS = edit(
  'infra/functions.tf',
  '"INGRESS_TRAFFIC_INTERNAL_ONLY"',
  '"INGRESS_TRAFFIC_ALL"',
);

/** An identity token of Google's for this service account. */
const identityOf = (api: Api, account: string, functionName = 'score') =>
  api.idp.token(account, {
    claims: {
      aud: `https://${functionName}.run.app`,
      email: `${account}@project.iam.gserviceaccount.com`,
    },
  });

/** Events that would get alice blocked, pushed to the scoring function by this caller. */
async function pushAgainstAlice(lab: Lab, arrival: (api: Api) => Promise<Partial<Arrival>>) {
  const api = await lab.api();
  const infra = await readInfrastructure(lab);
  const call = { functionName: 'score', from: 'this project', ...(await arrival(api)) } as const;
  const refusal = await refusalOf(infra, call, api.idp.jwksUri);
  if (refusal) return refusal;
  const user = api.userId('alice');
  for (let i = 0; i < 10; i++) {
    const input = { type: 'counter.regressed', authenticated: 'user', user } as const;
    const event = newEvent(input, new Date(), api.services.randomBytes(10));
    await api.clients.publisher.publish('events', eventMessage(event));
  }
  await api.clients.publisher.idle();
  const blocked = await api.clients.documents.get(`blocklist/user_${user}`);
  return blocked ? SUCCEEDED : 'alice is not blocked';
}

const INVOKERS = 'a worker is called by one service account, which Cloud Run checks';

const workers: readonly Attack[] = [
  {
    name: 'cloud/push-without-token',
    tries:
      'a Pub/Sub push to the scoring function without an identity token, to have a user blocked',
    refused: '403 invoker',
    defence: INVOKERS,
    off: { edits: [openTo('allUsers')] },
    run: (lab) => pushAgainstAlice(lab, async () => ({})),
  },
  {
    name: 'cloud/push-as-other-account',
    tries: 'the same push with the identity token of another service account',
    refused: '403 invoker',
    defence: INVOKERS,
    off: { edits: [openTo('allAuthenticatedUsers')] },
    run: (lab) => pushAgainstAlice(lab, async (api) => ({ token: await identityOf(api, 'thief') })),
  },
  {
    name: 'cloud/push-as-other-worker',
    tries: 'the same push with the token by which Cloud Scheduler calls the sweep',
    refused: '403 invoker',
    defence: 'each worker has an invoker of its own',
    off: { edits: [edit('infra/iam.tf', 'score    = "push"', 'score    = "scheduler"')] },
    run: (lab) =>
      pushAgainstAlice(lab, async (api) => ({ token: await identityOf(api, 'invoker-scheduler') })),
  },
  {
    name: 'cloud/push-from-outside',
    tries: 'a push from the internet with a genuine token that leaked',
    refused: '404 ingress',
    defence: 'workers take traffic of the project only',
    off: { edits: [ANY_INGRESS] },
    run: (lab) =>
      pushAgainstAlice(lab, async (api) => ({
        from: 'internet',
        token: await identityOf(api, 'invoker-push'),
      })),
  },
  {
    name: 'cloud/direct-url',
    tries:
      'a function’s own URL, past load balancer and Cloud Armor, with a forged X-Forwarded-For',
    refused: '404 ingress',
    defence: 'the API takes traffic of the load balancer only',
    off: {
      edits: [
        edit(
          'infra/functions.tf',
          '"INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"',
          '"INGRESS_TRAFFIC_ALL"',
        ),
      ],
    },
    async run(lab) {
      const infra = await readInfrastructure(lab);
      const call = { functionName: 'grant', from: 'internet' } as const;
      return (await refusalOf(infra, call, 'http://127.0.0.1/jwks')) ?? SUCCEEDED;
    },
  },
  {
    name: 'cloud/sweep-from-outside',
    tries: 'the sweep by way of the load balancer',
    refused: '404 not routed',
    defence: 'the URL map knows the public functions only',
    off: {
      edits: [
        edit(
          'infra/functions.tf',
          'name => function if function.kind == "http" }',
          'name => function }',
        ),
        ANY_INGRESS,
        openTo('allUsers'),
      ],
    },
    async run(lab) {
      const infra = await readInfrastructure(lab);
      const call = {
        functionName: 'sweep',
        from: 'load balancer',
        path: '/internal/sweep',
      } as const;
      return (await refusalOf(infra, call, 'http://127.0.0.1/jwks')) ?? SUCCEEDED;
    },
  },
  {
    name: 'cloud/sweep-by-front-door',
    tries: '/internal/sweep at the front door, also in other spellings',
    refused: '404 route_unknown',
    defence: 'the front door has the public paths, as they are written',
    off: {
      edits: [
        edit('scripts/local/front-door.ts', 'if (!route) return', 'if (!table[0]) return'),
        edit('scripts/local/front-door.ts', 'port: route.port', 'port: (route ?? table[0]).port'),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      const { startFrontDoor } = await lab.load<typeof doors>('scripts/local/front-door.ts');
      const { FUNCTIONS } = await import('../../functions/index.ts');
      const port = Number(new URL(api.baseUrl).port);
      const routes = FUNCTIONS.flatMap(({ trigger }) =>
        trigger.kind === 'http' ? trigger.routes.map(({ path }) => ({ path, port })) : [],
      );
      const door = await startFrontDoor(routes);
      lab.atEnd(() => door.stop());
      const outcomes = [];
      for (const path of [
        '/internal/sweep',
        '/v1/../internal/sweep',
        '//internal/sweep',
        '/internal%2fsweep',
      ]) {
        outcomes.push(await outcomeOf(verbatim(door.url, path, { method: 'POST' })));
      }
      return outcomes.find((outcome) => outcome === SUCCEEDED) ?? outcomes[0] ?? '';
    },
  },
];

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
  find: Attack['off']['edits'],
  changes: Record<string, string>,
): Attack => ({
  name: `cloud/${name}`,
  tries,
  refused: 'ConfigError',
  defence: 'nothing of a local stack starts on Google Cloud',
  off: find ? { edits: find } : {},
  run: loads(changes),
});

const configurations: readonly Attack[] = [
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

const RULES = 'infra/firestore.rules';

/** Firestore as a browser reaches it: Google's emulator under our rules; without it, the rules alone. */
async function fromBrowser(
  lab: Lab,
  ask: (documents: string) => Promise<Response>,
): Promise<string> {
  const search = await findEmulators(process.env);
  const rules = lab.read(RULES);
  if ('missing' in search) {
    const allowed = (rules.match(/\ballow\b[^;]*;/g) ?? []).some(
      (text) => !text.endsWith('if false;'),
    );
    return allowed ? SUCCEEDED : '403';
  }
  const folder = mkdtempSync(join(tmpdir(), 'modelseal-rules-'));
  lab.atEnd(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'rules'), rules);
  const processes = createProcessGroup();
  lab.atEnd(() => processes.stop());
  const { java, firestoreJar } = search.found;
  const port = await freePort();
  const main = 'com.google.cloud.datastore.emulator.firestore.CloudFirestore';
  const emulator = processes.spawn(
    'firestore',
    java,
    [
      '-cp',
      firestoreJar,
      main,
      '--host=127.0.0.1',
      `--port=${port}`,
      `--rules=${join(folder, 'rules')}`,
    ],
    { env: {}, logFile: join(folder, 'log') },
  );
  const url = `http://127.0.0.1:${port}`;
  await untilAnswering(`${url}/`, {
    name: 'firestore',
    timeoutMs: 25_000,
    stillAlive: emulator.assertAlive,
  });
  const { status } = await ask(`${url}/v1/projects/rules/databases/(default)/documents`);
  return status === 403 ? '403' : SUCCEEDED;
}

const database = (
  name: string,
  tries: string,
  ask: (documents: string) => Promise<Response>,
): Attack => ({
  name: `cloud/${name}`,
  tries,
  refused: '403',
  defence: 'rules that deny everything: clients never speak to the database',
  off: { edits: [edit(RULES, 'if false;', 'if true;')] },
  run: (lab) => fromBrowser(lab, ask),
});

const databases: readonly Attack[] = [
  database('database-write', 'an app that unblocks itself in Firestore', (documents) =>
    fetch(`${documents}/blocklist/user_mallory`, {
      method: 'PATCH',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ fields: {} }),
    }),
  ),
];

export const cloud: readonly Attack[] = [...workers, ...configurations, ...databases];
