/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: source texts, as they are written there. */
/** Limits: floods, and ways around them. */
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import { enrol, enrolData } from './enrolment-requests.ts';
import type { Api, Lab } from './lab.ts';
import {
  type Caller,
  grantData,
  post,
  postGrant,
  proven,
  sha256,
  withIphone,
  withPixel,
} from './requests.ts';

const CALL = 'functions/identity/device-call.ts';
const ATTEMPT = 'functions/identity/enrolment-attempt.ts';
const CALLERS = 'functions/api/callers.ts';
const NO_LIMIT = edit(
  CALL,
  "if (!allowed) throw new ServiceError('rate_limited', { retryAfterSeconds, headers });",
);
const NO_SHIELD = edit(CALLERS, '      refuseFlood(name, now);\n');
/** The most of one user at once: admission.ts. */
const BURST = 8;
const REPORTS_A_MINUTE = 20;

/** The first refusal among these; SUCCEEDED where there is none. */
async function firstRefusal(attempts: number, attempt: (index: number) => Promise<Response>) {
  for (let i = 0; i < attempts; i++) {
    const outcome = await outcomeOf(attempt(i));
    if (outcome !== SUCCEEDED) return outcome;
  }
  return SUCCEEDED;
}

/** An API whose clock stands, so that no limit fills again while a slow machine floods it. */
const atOneInstant = (lab: Lab): Promise<Api> => {
  const instant = new Date();
  return lab.api({ wrap: (services) => ({ ...services, now: () => instant }) });
};

/** Twenty at a time: whether any of them was told to slow down. */
async function flood(attempts: number, attempt: () => Promise<Response>): Promise<string> {
  for (let sent = 0; sent < attempts; sent += 20) {
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcomeOf(attempt())));
    if (outcomes.includes('429 rate_limited')) return '429 rate_limited';
  }
  return SUCCEEDED;
}

const limited = (attack: Omit<Attack, 'refused'>): Attack => ({
  refused: '429 rate_limited',
  ...attack,
});

/** More grants than a burst holds, one after the other. */
const manyGrants =
  (send: (mallory: Caller, index: number) => Promise<Response>) => async (lab: Lab) => {
    const mallory = await withPixel(await lab.api(), 'mallory');
    return firstRefusal(BURST + 1, (i) => send(mallory, i));
  };

async function sendWith(from: Caller, headers: Record<string, string>): Promise<Response> {
  const request = await proven(from, await grantData(from));
  return post(from.api, '/v1/models/smile/grants', request, { user: from.user, headers });
}

/** Somebody whose network scoring has slowed down sends this; the second grant must wait. */
const slowedNetwork = (headers: Record<string, string>) => async (lab: Lab) => {
  const api = await lab.api();
  const network = api.services.pseudonyms.network('203.0.113.7');
  await api.clients.documents.set(`blocklist/network_${network}`, {
    throttledUntil: new Date(Date.now() + 60_000),
  });
  const mallory = await withPixel(api, 'mallory');
  return firstRefusal(2, () => sendWith(mallory, headers));
};

const firstEntry = {
  edits: [edit('functions/api/client-address.ts', 'entries.at(-position)', 'entries.at(0)')],
};
const byHeader = (name: string): Attack['off'] => ({
  edits: [
    edit(
      CALLERS,
      "headers['x-forwarded-for'],",
      `headers['${name}']?.toString() ?? headers['x-forwarded-for'],`,
    ),
  ],
});
const HERE = '203.0.113.7';
const ELSEWHERE = '198.51.100.9';

const enrolments = (api: Api, attempts: number) =>
  firstRefusal(attempts, async () => {
    const { status, code } = await api
      .phone('mallory')
      .enrol()
      .then(() => ({ status: 201, code: '' }))
      .catch((error: { status: number; code: string }) => error);
    return new Response(JSON.stringify({ code }), { status });
  });

export const limits: readonly Attack[] = [
  limited({
    name: 'limit/enrolment-flood',
    tries: 'eleven genuine phones of one account at once',
    defence: 'ten enrolments at once, twenty a day',
    off: {
      edits: [
        edit(
          ATTEMPT,
          "if (!allowed) throw new ServiceError('rate_limited', { retryAfterSeconds, headers });",
        ),
      ],
    },
    run: async (lab) => enrolments(await lab.api(), 11),
  }),
  {
    name: 'limit/integrity-copies',
    tries: 'one enrolment in a hundred copies at once, to burn the quota of Play Integrity',
    refused: 'one of a hundred',
    defence: 'a challenge is spent before anything is asked of Google',
    off: {
      edits: [
        edit(ATTEMPT, "if (spent) throw new ServiceError('challenge_spent');"),
        edit(ATTEMPT, 'tx.create(challengePath(challenge), spentChallengeDocument(challenge));'),
        edit(
          ATTEMPT,
          "if (!allowed) throw new ServiceError('rate_limited', { retryAfterSeconds, headers });",
        ),
      ],
    },
    async run(lab) {
      let decoded = 0;
      const api = await lab.api({
        wrap: (services) => {
          const { enrolmentPolicy } = services;
          const vendors = enrolmentPolicy.services;
          const openIntegrityToken: typeof vendors.openIntegrityToken = (packageName, token) => {
            decoded += 1;
            return vendors.openIntegrityToken(packageName, token);
          };
          const counted = { ...enrolmentPolicy, services: { ...vendors, openIntegrityToken } };
          return { ...services, enrolmentPolicy: counted };
        },
      });
      const { platform } = api.pixel('mallory');
      const bytes = await enrolData(api, 'mallory', platform);
      const { attestation } = await platform.createAttestedKey(sha256(bytes));
      await Promise.all(Array.from({ length: 100 }, () => enrol(api, bytes, attestation)));
      return decoded === 1 ? 'one of a hundred' : SUCCEEDED;
    },
  },
  limited({
    name: 'limit/forged-enrolment-flood',
    tries: 'three hundred forged attestations, to burn processor time',
    defence: 'an instance hears so much of one user, before anything is verified',
    off: { edits: [NO_SHIELD] },
    async run(lab) {
      const api = await atOneInstant(lab);
      const attestation = {
        format: 'apple-appattest',
        keyId: 'A'.repeat(43),
        attestationObject: 'A'.repeat(100),
      };
      const body = { clientData: 'e30', attestation };
      const token = await api.idp.token('mallory');
      return flood(300, () => post(api, '/v1/devices', body, { token }));
    },
  }),
  limited({
    name: 'limit/challenge-flood',
    tries: 'three hundred challenges of one user at once',
    defence: 'an instance hears so much of one user; and a challenge is not stored',
    off: { edits: [NO_SHIELD] },
    async run(lab) {
      const api = await atOneInstant(lab);
      const token = await api.idp.token('mallory');
      return flood(300, () => post(api, '/v1/challenges', { purpose: 'events' }, { token }));
    },
  }),
  limited({
    name: 'limit/report-flood',
    tries: 'reports without end, each a hundred messages to score',
    defence: 'a limit of the device, before what it says is published',
    off: { edits: [NO_LIMIT] },
    async run(lab) {
      const api = await atOneInstant(lab);
      const mallory = await withPixel(api, 'mallory');
      return firstRefusal(REPORTS_A_MINUTE + 1, async () => {
        const challenge = await api.api('mallory').challenge('events');
        const { deviceId } = mallory.enrolment;
        const data = { type: 'events', challenge, deviceId, appVersion: '1.0.0', events: [] };
        return post(api, '/v1/events', await proven(mallory, data));
      });
    },
  }),
  limited({
    name: 'limit/grant-burst',
    tries: 'more grants than a burst holds',
    defence: 'limits of user and device, in the grant’s own transaction',
    off: { edits: [NO_LIMIT] },
    run: manyGrants(async (mallory) => postGrant(mallory, await grantData(mallory))),
  }),
  limited({
    name: 'limit/parallel-grants',
    tries: 'thirty grants at the same time, before the first is counted',
    defence: 'reading and spending a limit is one serialisable transaction',
    off: { edits: [edit('test/doubles/memory/documents.ts', 'if (!current) continue;')] },
    async run(lab) {
      const mallory = await withPixel(await lab.api(), 'mallory');
      const requests = await Promise.all(
        Array.from({ length: 30 }, async () => proven(mallory, await grantData(mallory))),
      );
      const outcomes = await Promise.all(
        requests.map((request) => outcomeOf(post(mallory.api, '/v1/models/smile/grants', request))),
      );
      const granted = outcomes.filter((outcome) => outcome === SUCCEEDED).length;
      return granted > BURST ? SUCCEEDED : '429 rate_limited';
    },
  }),
  limited({
    name: 'limit/many-devices',
    tries: 'one user’s many devices, each within its own limit',
    defence: 'the user has a limit of his own',
    off: {
      edits: [
        edit(
          'functions/grants/admit.ts',
          'path: limitPaths.userGrants(userId)',
          'path: limitPaths.userGrants(deviceId)',
        ),
      ],
    },
    async run(lab) {
      // Else the second phone is slowed down as one that nobody approved yet.
      const api = await lab.api({ environment: { DEVICE_COOLING_OFF_SECONDS: '0' } });
      const devices = [await withPixel(api, 'mallory'), await withPixel(api, 'mallory')];
      return firstRefusal(BURST + 2, async (i) => {
        const device = devices[i % 2] as Caller;
        return postGrant(device, await grantData(device));
      });
    },
  }),
  limited({
    name: 'limit/changing-addresses',
    tries: 'a new X-Forwarded-For with each request',
    defence: 'the limits of a user are counted by user, not by address',
    off: {
      edits: [
        edit(
          'functions/grants/admit.ts',
          'path: limitPaths.userGrants(userId)',
          "path: limitPaths.userGrants(network ?? '')",
        ),
        edit(
          'functions/grants/admit.ts',
          'path: limitPaths.deviceGrants(deviceId)',
          "path: limitPaths.deviceGrants(network ?? '')",
        ),
      ],
    },
    run: manyGrants((mallory, i) => sendWith(mallory, { 'X-Forwarded-For': `198.51.${i}.1` })),
  }),
  ...(
    [
      ['forged-x-forwarded-for', 'X-Forwarded-For', `${ELSEWHERE}, ${HERE}`, firstEntry],
      ['forged-forwarded', 'Forwarded', `for=${ELSEWHERE}`, byHeader('forwarded')],
      ['forged-x-real-ip', 'X-Real-IP', ELSEWHERE, byHeader('x-real-ip')],
      ['forged-true-client-ip', 'True-Client-IP', ELSEWHERE, byHeader('true-client-ip')],
    ] as const
  ).map(([name, header, value, off]) =>
    limited({
      name: `limit/${name}`,
      tries: `another network’s address in ${header}`,
      defence: 'the address is the entry that our load balancer wrote, counted from the right',
      off,
      run: slowedNetwork({ 'X-Forwarded-For': HERE, [header]: value }),
    }),
  ),
  {
    name: 'limit/mapped-address',
    tries: 'the same IPv4 address as IPv6, to be another network',
    refused: '429 rate_limited',
    defence: 'an address has one network, however it is spelt',
    off: {
      edits: [
        edit(
          'functions/fraud/pseudonyms.ts',
          "address.replace(/^::ffff:(?=\\d+\\.\\d+\\.\\d+\\.\\d+$)/i, '')",
          'address',
        ),
      ],
    },
    run: slowedNetwork({ 'X-Forwarded-For': `::ffff:${HERE}` }),
  },
  {
    name: 'limit/second-spelling-of-device',
    tries: 'a device id in another base64url spelling, with a limit of its own',
    refused: '403 device_unknown',
    defence: 'a device is found by the text of its id, which the server made',
    off: {
      edits: [
        edit(
          'functions/identity/devices.ts',
          '`devices/${deviceId}`',
          "`devices/d_${Buffer.from(deviceId.slice(2), 'base64url').toString('base64url')}`",
        ),
        // Its seal names it by its text, too.
        edit(CALL, 'if (await isSealed(deviceId, device)) return;', 'if (true) return;'),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      const mallory = await withIphone(api, 'mallory');
      const { deviceId } = mallory.enrolment;
      const next = String.fromCharCode(deviceId.charCodeAt(23) + 1);
      const data = await grantData(mallory, { deviceId: deviceId.slice(0, 23) + next });
      return outcomeOf(postGrant(mallory, data));
    },
  },
];
