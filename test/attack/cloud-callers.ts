/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: Terraform's own templates, as they are written. */
/** Who calls a function past what stands before it: a worker from outside, the API by its own URL. */
import { eventMessage } from '../../functions/fraud/event-message.ts';
import { newEvent } from '../../functions/fraud/events.ts';
import type * as doors from '../stack/front-door.ts';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import { type Arrival, readInfrastructure, refusalOf } from './cloud-run.ts';
import type { Api, Lab } from './lab.ts';
import { grantData, postGrant, verbatim, withPixel } from './requests.ts';

const MEMBER = 'member   = "serviceAccount:${google_service_account.invoker[each.value].email}"';
const openTo = (whom: string) => edit('infra/iam.tf', MEMBER, `member   = "${whom}"`);
const ANY_INGRESS = edit(
  'infra/services.tf',
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

/** What the rule `budget-hammered` blocks for, of so many models. */
const OVER_BUDGET = {
  type: 'limit.hit',
  cause: 'quota_exceeded',
  attributes: { reason: 'new_models' },
} as const;
const HAMMERING = 40;

/** Events that would get alice blocked, pushed to the scoring function by this caller. */
async function pushAgainstAlice(lab: Lab, arrival: (api: Api) => Promise<Partial<Arrival>>) {
  const api = await lab.api({ environment: { BLOCK_DELAY_SECONDS: '0' } });
  const infra = await readInfrastructure(lab);
  const call = { functionName: 'score', from: 'this project', ...(await arrival(api)) } as const;
  const refusal = await refusalOf(infra, call, api.idp.jwksUri);
  if (refusal) return refusal;
  const alice = await withPixel(api, 'alice');
  const origin = { authenticated: 'device', user: api.userId('alice') } as const;
  for (let i = 0; i < HAMMERING; i++) {
    const asked = { ...OVER_BUDGET, ...origin, model: `m${i}` };
    const event = newEvent(asked, new Date(), api.services.randomBytes(10));
    await api.clients.publisher.publish('events', eventMessage(event));
  }
  await api.clients.publisher.idle();
  const outcome = await outcomeOf(postGrant(alice, await grantData(alice)));
  return outcome === '403 blocked' ? SUCCEEDED : `alice is not blocked: ${outcome}`;
}

const INVOKERS = 'a worker is called by one service account, which Cloud Run checks';

export const cloudCallers: readonly Attack[] = [
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
    off: { edits: [edit('infra/iam.tf', 'events = "push"', 'events = "scheduler"')] },
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
          'infra/services.tf',
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
        edit(
          'infra/functions.tf',
          'path        = "/internal/sweep"',
          'path        = "/internal/sweep"\n      routes      = ["/internal/sweep"]',
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
        edit('test/stack/front-door.ts', 'if (!route) return', 'if (!routes[0]) return'),
        edit(
          'test/stack/front-door.ts',
          'port: route.value }',
          'port: (route?.value ?? routes[0]?.port) }',
        ),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      const { startFrontDoor } = await lab.load<typeof doors>('test/stack/front-door.ts');
      const { FUNCTIONS } = await import('../../functions/registry.ts');
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
