/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: source texts, as they are written there. */
/** What refusals and logs give away: differences in words, in time, and lines that were not ours. */
import type { ServiceError } from '../../functions/errors.ts';
import { type Attack, edit, SUCCEEDED } from './attack.ts';
import type { Api, Lab } from './lab.ts';
import { type Caller, grantData, post, postGrant, proven, withPixel } from './requests.ts';

const RECORD = 'functions/catalogue/model-record.ts';
const PROOF = 'functions/identity/device-proof.ts';
const OTHERS_MODEL =
  "if (model.owner !== null && model.owner !== userId) throw unknown('model_of_another_user');";
const OTHERS_DEVICE = "if (device.user !== userId) throw unknown('device_of_another_user');";

/** Everything of an answer that a caller can compare, without what is new each time. */
async function seen(response: Response): Promise<string> {
  const body = (await response.text()).replace(/"requestId":"[^"]+"/, '');
  const headers = [...response.headers].filter(([name]) => !['date', 'request-id'].includes(name));
  return JSON.stringify([response.status, body, headers]);
}

const oracle = (
  name: string,
  tries: string,
  off: Attack['off'],
  questions: (mallory: Caller, api: Api) => Promise<readonly Response[]>,
): Attack => ({
  name: `oracle/${name}`,
  tries,
  refused: 'one answer for all',
  defence: 'one refusal for one class of causes',
  off,
  async run(lab) {
    const api = await lab.api();
    const answers = await questions(await withPixel(api, 'mallory'), api);
    const different = new Set(await Promise.all(answers.map(seen)));
    return different.size === 1 ? 'one answer for all' : SUCCEEDED;
  },
});

const publishPersonal = (api: Api) =>
  api.publish('alices-face', Buffer.from('a model of one face'), {
    format: 'opaque',
    owner: api.userId('alice'),
  });

/** Two requests that are refused for different reasons, each sent many times, in turn. */
async function twoRefusals(api: Api, user: string) {
  const mallory = await withPixel(api, user);
  const request = async (modelId: string) => proven(mallory, await grantData(mallory, { modelId }));
  const [unknown, others] = [await request('nobodys-face'), await request('alices-face')];
  const send = (modelId: string, body: object) => async () => {
    const startedAt = performance.now();
    const response = await post(api, `/v1/models/${modelId}/grants`, body, { user });
    await response.arrayBuffer();
    return performance.now() - startedAt;
  };
  return [send('nobodys-face', unknown), send('alices-face', others)] as const;
}

const USERS = 6;
const SAMPLES_EACH = 45;
/** Cliff's delta: below 0.33 an effect is called small; noise of 270 pairs lies within 0.1. */
const NOTICEABLE = 0.4;

/** How often a value of `b` exceeds one of `a`, less how often it is below: −1 to 1. */
function cliffsDelta(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (const x of a) for (const y of b) sum += Math.sign(y - x);
  return sum / (a.length * b.length);
}

const PLAIN_LOG = [
  edit(
    'functions/api/pipeline.ts',
    'outcome = known.reason;',
    'outcome = String((request.body as { purpose?: unknown } | undefined)?.purpose);',
  ),
  edit(
    'functions/log.ts',
    '`${JSON.stringify({ severity, message, time: new Date().toISOString(), function: functionName, ...fields })}\\n`',
    "`${severity} ${message} ${Object.values(fields).join(' ')}\\n`",
  ),
];

const logged = (
  name: string,
  tries: string,
  text: string,
  isForged: (line: string) => boolean,
): Attack => ({
  name: `log/${name}`,
  tries,
  refused: 'no such line',
  defence: 'a log entry is one line of JSON, and holds nothing that a caller wrote',
  off: { edits: PLAIN_LOG },
  async run(lab: Lab) {
    const api = await lab.api();
    const headers = { traceparent: '00-x-y-01', 'User-Agent': text.replaceAll(/[^ -~]/g, '') };
    await post(api, '/v1/challenges', { purpose: `\n${text}\n` }, { headers });
    const lines = api.logs.join('').split('\n').filter(Boolean);
    return lines.some(isForged) ? SUCCEEDED : 'no such line';
  },
});

export const disclosure: readonly Attack[] = [
  oracle(
    'personal-models',
    'which personal models exist, told by the refusals',
    {
      edits: [
        edit(
          RECORD,
          OTHERS_MODEL,
          "if (model.owner !== null && model.owner !== userId) throw new ServiceError('device_not_trusted');",
        ),
      ],
    },
    async (mallory, api) => {
      await publishPersonal(api);
      const ask = async (modelId: string) =>
        postGrant(mallory, await grantData(mallory, { modelId }), modelId);
      return [await ask('alices-face'), await ask('nobodys-face')];
    },
  ),
  oracle(
    'devices',
    'which devices exist, told by the refusals',
    {
      edits: [
        edit(
          PROOF,
          OTHERS_DEVICE,
          "if (device.user !== userId) throw new ServiceError('blocked');",
        ),
      ],
    },
    async (mallory, api) => {
      const alice = await withPixel(api, 'alice');
      const ask = async (deviceId: string) =>
        postGrant(mallory, await grantData(mallory, { deviceId }));
      return [await ask(alice.enrolment.deviceId), await ask(`d_${'A'.repeat(22)}`)];
    },
  ),
  oracle(
    'blocked-devices',
    'whether another’s device is blocked',
    {
      edits: [
        edit(
          'functions/identity/device-call.ts',
          'const device = ownDevice(own.device, userId);',
          'refuseIfBlocked([deviceBlock], now); const device = ownDevice(own.device, userId);',
        ),
      ],
    },
    async (mallory, api) => {
      const until = new Date(Date.now() + 3_600_000);
      const alice = await withPixel(api, 'alice');
      const { deviceId } = alice.enrolment;
      await api.clients.documents.set(`blocklist/device_${deviceId}`, { until });
      const ask = async (id: string) =>
        postGrant(mallory, await grantData(mallory, { deviceId: id }));
      return [await ask(deviceId), await ask(`d_${'A'.repeat(22)}`)];
    },
  ),
  oracle(
    'challenges',
    'why a challenge was refused',
    {
      edits: [
        edit(
          'functions/identity/challenge.ts',
          "throw refusal('challenge_malformed');",
          "throw new ServiceError('challenge_spent');",
        ),
      ],
    },
    async (mallory, api) => {
      const ask = async (challenge: string) =>
        postGrant(mallory, await grantData(mallory, { challenge }));
      return [
        await ask('A'.repeat(78)),
        await ask('!'.repeat(78)),
        await ask(await api.api('alice').challenge('model.grant')),
        await ask(await api.api('mallory').challenge('events')),
      ];
    },
  ),
  {
    name: 'oracle/timing',
    tries: 'which personal models exist, told by how long the refusal takes',
    refused: 'no noticeable difference',
    defence: 'the same path for both: the same reads, the same refusal',
    off: {
      edits: [
        edit(
          RECORD,
          OTHERS_MODEL,
          `if (model.owner !== null && model.owner !== userId) { const end = performance.now() + 5; while (performance.now() < end); throw unknown('model_of_another_user'); }`,
        ),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      await publishPersonal(api);
      const times: [number[], number[]] = [[], []];
      for (let user = 0; user < USERS; user++) {
        const [unknown, others] = await twoRefusals(api, `mallory-${user}`);
        for (let i = 0; i < SAMPLES_EACH; i++) {
          // In turn, and each first as often as second.
          const first = i % 2 === 0;
          if (first) times[0].push(await unknown());
          times[1].push(await others());
          if (!first) times[0].push(await unknown());
        }
      }
      const delta = cliffsDelta(...times);
      return Math.abs(delta) < NOTICEABLE ? 'no noticeable difference' : SUCCEEDED;
    },
  },
  logged(
    'newline',
    'a line of one’s own in the log, by a newline',
    '{"severity":"CRITICAL","message":"forged"}',
    (line) => line.startsWith('{"severity":"CRITICAL"'),
  ),
  logged(
    'ansi',
    'escape sequences for the terminal of whoever reads the log',
    '\u001b[2J\u001b[31mforged',
    (line) => line.includes('\u001b'),
  ),
  logged(
    'json-break',
    'quotes that end the JSON and begin members of one’s own',
    '","severity":"CRITICAL","x":"',
    (line) => line.includes('","severity":"CRITICAL"'),
  ),
  {
    name: 'oracle/stack-trace',
    tries: 'an error inside, for its message and stack',
    refused: 'nothing of it',
    defence: 'what nobody expected is a 500 without details',
    off: {
      edits: [
        edit(
          'functions/errors.ts',
          'detail: known.detail,\n    code',
          'detail: String((error.cause as Error | undefined)?.stack),\n    code',
        ),
      ],
    },
    async run(lab) {
      const broken = () => {
        throw new Error('the database said: password is hunter2') as unknown as ServiceError;
      };
      const api = await lab.api({
        wrap: (services) => ({
          ...services,
          documents: { ...services.documents, query: broken },
        }),
      });
      const headers = { Authorization: `Bearer ${await api.idp.token('mallory')}` };
      const response = await fetch(`${api.baseUrl}/v1/models`, { headers });
      const text = await response.text();
      return /hunter2|\.ts|at /.test(text) ? SUCCEEDED : 'nothing of it';
    },
  },
];
