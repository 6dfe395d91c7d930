/** Input: names in other spellings, members nobody asked for, bodies that are something else. */
import { type Attack, edit, outcomeOf } from './attack.ts';
import type { Api, Lab } from './lab.ts';
import {
  type Caller,
  grantData,
  post,
  postGrant,
  proven,
  verbatim,
  withPixel,
} from './requests.ts';

const DATA = 'functions/identity/client-data.ts';
const INGRESS = 'functions/api/ingress.ts';
const PIPELINE = 'functions/api/pipeline.ts';
const CHALLENGE = 'functions/api/challenge.ts';
const ANY_PATH = edit(
  'functions/api/grant.ts',
  "if (data.modelId !== params['modelId']) {",
  'if (false) {',
);
const ANY_MEMBER = edit(
  DATA,
  'export const grantClientData = z.strictObject({',
  'export const grantClientData = z.looseObject({',
);

/** A server that means to be helpful: decodes, folds case and forms, and takes the last of a path. */
const HELPFUL = [
  edit(
    DATA,
    'export const modelId = z.string().regex(/^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/);',
    `export const modelId = z.string().transform((text) =>
      decodeURIComponent(decodeURIComponent(text)).normalize('NFKC').toLowerCase()
        .replace(/^.*[\\\\/]/, '').replace(/[\\u0000-\\u001f\\u0131\\u0430-\\u045f\\u200b-\\u200f\\u202a-\\u202e;].*?/g,
          (c) => ({ '\\u0131': 'i', '\\u0456': 'i' })[c] ?? ''));`,
  ),
  ANY_PATH,
];

/** Other spellings of `smile`, by which a limit, a block or a log would be passed. */
const SPELLINGS: readonly (readonly [name: string, id: string, what: string])[] = [
  ['id-case', 'SMILE', 'in capitals'],
  ['id-fullwidth', 'ｓｍｉｌｅ', 'in fullwidth letters (NFKC)'],
  ['id-dotless', 'smıle', 'with a dotless i'],
  ['id-cyrillic', 'smіle', 'with a Cyrillic і'],
  ['id-zero-width', 'smi\u200ble', 'with a zero-width space in it'],
  ['id-bidi', '\u202esmile', 'behind a right-to-left override'],
  ['id-nul', 'smile\u0000', 'with a NUL behind it'],
  ['id-newline', 'smile\n', 'with a newline behind it'],
  ['id-traversal', '../models/smile', 'as a path with ..'],
  ['id-backslash', '..\\models\\smile', 'as a path of Windows'],
  ['id-encoded', '%2e%2e%2fmodels%2fsmile', 'as a percent-encoded path'],
  ['id-double-encoded', '%252e%252e%252fmodels%252fsmile', 'as a doubly encoded path'],
];

const spelling = ([name, id, what]: (typeof SPELLINGS)[number]): Attack => ({
  name: `input/${name}`,
  tries: `the model’s id ${what}`,
  refused: '422 request_invalid',
  defence: 'an id has one spelling, in a small alphabet; nothing is decoded or normalised',
  off: { edits: HELPFUL },
  async run(lab) {
    const mallory = await withPixel(await lab.api(), 'mallory');
    return outcomeOf(postGrant(mallory, await grantData(mallory, { modelId: id })));
  },
});

const askChallenge = (api: Api, body: unknown, headers: Record<string, string> = {}) =>
  outcomeOf(post(api, '/v1/challenges', body, { headers }));

const challengeWith =
  (body: unknown, headers: Record<string, string> = {}) =>
  async (lab: Lab) =>
    askChallenge(await lab.api(), body, headers);

/** A grant whose client data is this text, made of the honest text. */
const grantText = (change: (json: string) => string) => async (lab: Lab) => {
  const mallory = await withPixel(await lab.api(), 'mallory');
  return outcomeOf(postGrant(mallory, change(JSON.stringify(await grantData(mallory)))));
};

const PURPOSE = 'z.strictObject({ purpose: z.enum(CHALLENGE_PURPOSES) })';
const ANY_TYPE = [
  edit(PIPELINE, '/^application\\/json\\s*(?:;|$)/i', '/^/'),
  edit(
    INGRESS,
    "isJson(request.headers['content-type']) ? parseJson(rawBody) : rawBody",
    'parseJson(rawBody)',
  ),
];
const otherType = (name: string, type: string): Attack => ({
  name: `input/${name}`,
  tries: `JSON in a body that says it is ${type}, as a page of another site could send it`,
  refused: '415 content_type_unsupported',
  defence: 'application/json and nothing else, which no form can send',
  off: { edits: ANY_TYPE },
  run: challengeWith('{"purpose":"events"}', { 'Content-Type': type }),
});

async function rawGrant(mallory: Caller, path: string, data: object): Promise<string> {
  const body = JSON.stringify(await proven(mallory, data as Record<string, unknown>));
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    Authorization: `Bearer ${await mallory.api.idp.token(mallory.user)}`,
  };
  return outcomeOf(verbatim(mallory.api.baseUrl, path, { method: 'POST', headers, body }));
}

const FORGIVING_PATHS = edit(
  PIPELINE,
  "const path = (request.url ?? '/').split('?', 1)[0] ?? '/';",
  "const path = new URL(decodeURIComponent(request.url ?? '/'), 'http://x').pathname;",
);
const otherPath = (name: string, path: string): Attack => ({
  name: `input/${name}`,
  tries: `a grant at ${path}`,
  refused: '404 route_unknown',
  defence: 'paths are matched as they came: no decoding, no dot segments',
  off: { edits: [FORGIVING_PATHS] },
  async run(lab) {
    const mallory = await withPixel(await lab.api(), 'mallory');
    return rawGrant(mallory, path, await grantData(mallory));
  },
});

const prototypeId = (name: string, changes: object): Attack => ({
  name: `input/${name}`,
  tries: `what every JavaScript object has, asked for as a name: ${JSON.stringify(changes)}`,
  refused: '404 model_unknown',
  defence: 'names are looked up among own members only',
  off: {
    edits: [
      edit(
        'functions/catalogue/model-record.ts',
        'Object.hasOwn(versions, name) ? versions[name] : undefined',
        'versions[name] && Object.values(versions)[0]',
      ),
      edit(
        'functions/catalogue/model-record.ts',
        'version: name, isPersonal',
        'version: Object.keys(versions)[0] as string, isPersonal',
      ),
      edit(
        'test/doubles/memory/documents.ts',
        'entries.get(path)?.data;\n    return data',
        "entries.get(path.replace(/constructor$/, 'smile'))?.data;\n    return data",
      ),
    ],
  },
  async run(lab) {
    const mallory = await withPixel(await lab.api(), 'mallory');
    const data = await grantData(mallory, changes as Record<string, unknown>);
    return outcomeOf(postGrant(mallory, data, data.modelId));
  },
});

export const input: readonly Attack[] = [
  ...SPELLINGS.map(spelling),
  otherPath('path-dots', '/v1/keys/../models/smile/grants'),
  otherPath('path-encoded-dots', '/v1/keys/%2e%2e/models/smile/grants'),
  otherPath('path-encoded-slash', '/v1/models%2fsmile/grants'),
  prototypeId('version-constructor', { version: 'constructor' }),
  prototypeId('id-constructor', { modelId: 'constructor' }),
  {
    name: 'input/proto-in-body',
    tries: 'members by way of __proto__ in a JSON body',
    refused: '422 request_invalid',
    defence: 'schemas know their members; nothing is merged',
    off: {
      edits: [
        edit(
          CHALLENGE,
          PURPOSE,
          'z.preprocess((body) => Object.assign({}, body), z.object({ purpose: z.enum(CHALLENGE_PURPOSES) }))',
        ),
      ],
    },
    run: challengeWith('{"__proto__":{"purpose":"events"}}'),
  },
  {
    name: 'input/proto-in-client-data',
    tries: '__proto__ in client data, to be merged into every object',
    refused: '422 request_invalid',
    defence: 'client data has the members of its schema and no other',
    off: { edits: [ANY_MEMBER] },
    run: grantText((json) => json.replace('{', '{"__proto__":{"owner":null},')),
  },
  {
    name: 'input/constructor-in-client-data',
    tries: 'constructor.prototype in client data',
    refused: '422 request_invalid',
    defence: 'client data has the members of its schema and no other',
    off: { edits: [ANY_MEMBER] },
    run: grantText((json) => json.replace('{', '{"constructor":{"prototype":{"admin":true}},')),
  },
  {
    name: 'input/mass-assignment',
    tries: 'members that only the server sets, beside those that are asked for',
    refused: '422 request_invalid',
    defence: 'an unknown member is a refusal',
    off: {
      edits: [edit(CHALLENGE, PURPOSE, 'z.looseObject({ purpose: z.enum(CHALLENGE_PURPOSES) })')],
    },
    run: challengeWith({
      purpose: 'events',
      userId: 'alice',
      expiresAt: '2099-01-01',
      admin: true,
    }),
  },
  {
    name: 'input/mass-assignment-proof',
    tries: 'assurance and counter beside a proof',
    refused: '422 request_invalid',
    defence: 'an unknown member is a refusal',
    off: {
      edits: [
        edit(
          'functions/identity/device-proof.ts',
          'z.strictObject({ clientData: base64urlBytes',
          'z.looseObject({ clientData: base64urlBytes',
        ),
      ],
    },
    async run(lab) {
      const mallory = await withPixel(await lab.api(), 'mallory');
      const request = await proven(mallory, await grantData(mallory));
      const more = { ...request, assurance: 'strong', signCount: 0 };
      return outcomeOf(post(mallory.api, '/v1/models/smile/grants', more));
    },
  },
  {
    name: 'input/duplicate-keys',
    tries: 'a second modelId in the client data: one for whoever checks, one for who grants',
    refused: '422 request_invalid',
    defence: 'the bytes are parsed once, and the path has to agree',
    off: { edits: [ANY_PATH] },
    async run(lab) {
      const api = await lab.api();
      await api.publish('costly', Buffer.from('another model'), { format: 'opaque' });
      const mallory = await withPixel(api, 'mallory');
      const json = JSON.stringify(await grantData(mallory));
      return outcomeOf(postGrant(mallory, json.replace(/}$/, ',"modelId":"costly"}')));
    },
  },
  otherType('type-text', 'text/plain'),
  otherType('type-form', 'application/x-www-form-urlencoded'),
  otherType('type-suffix', 'application/json-patch'),
  {
    name: 'input/invalid-utf8',
    tries: 'bytes that are no UTF-8, which one parser drops and another keeps',
    refused: '400 request_malformed',
    defence: 'UTF-8 is decoded strictly',
    off: {
      edits: [
        edit(INGRESS, "new TextDecoder('utf-8', { fatal: true })", "new TextDecoder('utf-8')"),
        edit(CHALLENGE, PURPOSE, 'z.object({ purpose: z.enum(CHALLENGE_PURPOSES) })'),
      ],
    },
    run: challengeWith(
      Buffer.concat([
        Buffer.from('{"a":"'),
        Buffer.from([0xc0, 0xae]),
        Buffer.from('","purpose":"events"}'),
      ]),
    ),
  },
  {
    name: 'input/utf-16',
    tries: 'a body in UTF-16, past a filter that looks for words',
    refused: '400 request_malformed',
    defence: 'JSON is UTF-8 (RFC 8259), whatever the charset parameter says',
    off: {
      edits: [
        edit(INGRESS, "new TextDecoder('utf-8', { fatal: true })", "new TextDecoder('utf-16le')"),
      ],
    },
    run: challengeWith(Buffer.from('{"purpose":"events"}', 'utf16le'), {
      'Content-Type': 'application/json; charset=utf-16le',
    }),
  },
];
