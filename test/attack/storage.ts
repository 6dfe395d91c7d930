/** Storage: signed URLs, names of objects, and an insider who moves ciphertexts about. */
import { createSecretKey } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as storage from '../../functions/cloud/storage.ts';
import { readSealedObjectName, sealedObjectName } from '../../functions/grants/sealed-object.ts';
import type * as signedUrls from '../../functions/grants/signed-url.ts';
import { DAY_MS } from '../../functions/time.ts';
import type * as gcs from '../doubles/storage/gcs-server.ts';
import type * as v4 from '../doubles/storage/v4-verify.ts';
import { TEST_URL_KEY } from '../support/url-keys.ts';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import type { Api, Lab } from './lab.ts';
import { grantData, postGrant, verbatim, withPixel } from './requests.ts';

const V4 = 'test/doubles/storage/v4-verify.ts';
const SERVER = 'test/doubles/storage/gcs-server.ts';
const SIGNED_URL = 'functions/grants/signed-url.ts';
const UNSIGNED = edit(V4, 'if (!accepted) {', 'if (false) {');
const FORGED = '403 SignatureDoesNotMatch';

/** A signed URL for one of two objects, as a grant gives it, and a clock for the storage service. */
async function signedUrl(lab: Lab) {
  const { startGcsServer } = await lab.load<typeof gcs>(SERVER);
  const { storageObjects } = await lab.load<typeof storage>('functions/cloud/storage.ts');
  const folder = mkdtempSync(join(tmpdir(), 'modelseal-attack-'));
  const urls = await lab.load<typeof signedUrls>(SIGNED_URL);
  let passedMs = 0;
  const server = await startGcsServer({
    folder,
    buckets: ['sealed', 'vault'],
    hmacKey: TEST_URL_KEY,
    now: () => new Date(Date.now() + passedMs),
  });
  lab.atEnd(() => rmSync(folder, { recursive: true, force: true }));
  lab.atEnd(() => server.stop());
  const objects = storageObjects({ projectId: 'p', endpoint: server.url });
  const write = (bucket: string, name: string) =>
    objects.write(
      bucket,
      name,
      (async function* () {
        yield Buffer.from(name);
      })(),
    );
  await Promise.all([write('sealed', 'mine'), write('sealed', 'others'), write('vault', 'mine')]);
  const signedAt = new Date();
  const key = urls.deriveDayKey(TEST_URL_KEY, urls.urlDay(signedAt));
  /** With this key whatever the day is, as a thief of it would. */
  const sign = (name: string, at: Date) =>
    urls.signedReadUrl(
      { ...key, day: urls.urlDay(at) },
      { origin: server.url, bucket: 'sealed', name },
      at,
      new Date(at.getTime() + 120_000),
    );
  const url = sign('mine', signedAt);
  const pass = (ms: number): void => {
    passedMs += ms;
  };
  return { url, pass, sign, baseUrl: server.url };
}

const urlAttack = (
  name: string,
  tries: string,
  refused: string,
  defence: string,
  edits: Attack['off']['edits'],
  send: (given: Awaited<ReturnType<typeof signedUrl>>) => Promise<Response>,
): Attack => ({
  name: `storage/${name}`,
  double: 'our emulator of Cloud Storage',
  tries,
  refused,
  defence,
  off: edits ? { edits } : {},
  run: async (lab) => outcomeOf(send(await signedUrl(lab))),
});

const COVERED = 'the V4 signature covers method, host, path and every parameter';

const urls: readonly Attack[] = [
  urlAttack(
    'url-after-its-end',
    'a signed URL, from a log, two minutes and a second later',
    '403 ExpiredToken',
    'URLs are signed for minutes',
    [edit(SIGNED_URL, "'X-Goog-Expires': String(seconds),", "'X-Goog-Expires': '86400',")],
    ({ url, pass }) => {
      pass(121_000);
      return fetch(url);
    },
  ),
  urlAttack(
    'url-other-object',
    'a signed URL with another object’s name',
    FORGED,
    COVERED,
    [UNSIGNED],
    ({ url }) => fetch(url.replace('/mine', '/others')),
  ),
  urlAttack(
    'url-other-bucket',
    'a signed URL with the vault in place of the delivery bucket',
    FORGED,
    COVERED,
    [UNSIGNED],
    ({ url }) => fetch(url.replace('/sealed/', '/vault/')),
  ),
  urlAttack(
    'url-longer-life',
    'a signed URL whose life was set to a week',
    FORGED,
    COVERED,
    [UNSIGNED],
    ({ url }) => fetch(url.replace(/X-Goog-Expires=\d+/, 'X-Goog-Expires=604800')),
  ),
  urlAttack(
    'url-other-method',
    'DELETE by a URL for reading',
    FORGED,
    COVERED,
    [UNSIGNED, edit(SERVER, "if (method !== 'GET') {", 'if (false) {')],
    ({ url }) => fetch(url, { method: 'DELETE' }),
  ),
  urlAttack(
    'url-other-host',
    'the same request under another Host',
    FORGED,
    COVERED,
    [UNSIGNED],
    ({ url, baseUrl }) =>
      verbatim(baseUrl, url.slice(baseUrl.length), { headers: { Host: 'evil.example' } }),
  ),
  urlAttack(
    'url-key-of-yesterday',
    'a key that signs URLs, taken from an instance, on the day after',
    FORGED,
    'what signs is derived for one day',
    [
      edit(SIGNED_URL, '[day, ...SCOPE].reduce', '[...SCOPE].reduce'),
      edit(V4, 'scope.reduce<Buffer>', 'scope.slice(1).reduce<Buffer>'),
    ],
    ({ sign, pass }) => {
      pass(DAY_MS);
      return fetch(sign('others', new Date(Date.now() + DAY_MS)));
    },
  ),
  urlAttack(
    'url-unsigned',
    'an object by its name alone',
    '403 AuthenticationRequired',
    'objects are private',
    [edit(SERVER, 'if (refusal) return sendXml(response, 403, refusal);')],
    ({ baseUrl }) => fetch(`${baseUrl}/sealed/mine`),
  ),
];

async function publishTwo(api: Api): Promise<void> {
  await api.publish('other', Buffer.alloc(2_000, 'other bytes '), { format: 'opaque' });
}

/** An insider copies members of one version's record over those of another. */
const insider =
  (members: readonly string[]): Attack['run'] =>
  async (lab) => {
    const api = await lab.api();
    await publishTwo(api);
    const { documents } = api.clients;
    type Model = { versions: Record<string, Record<string, unknown>> };
    const [smile, other] = (await Promise.all(
      ['smile', 'other'].map((id) => documents.get(`models/${id}`)),
    )) as unknown as [Model, Model];
    const taken = members.map((member) => [member, other.versions['1.0.0']?.[member]]);
    const version = { ...smile.versions['1.0.0'], ...Object.fromEntries(taken) };
    await documents.set('models/smile', { ...smile, versions: { '1.0.0': version } } as never);
    const mallory = await withPixel(api, 'mallory');
    return outcomeOf(postGrant(mallory, await grantData(mallory)));
  };

export const storageAttacks: readonly Attack[] = [
  ...urls,
  {
    name: 'storage/url-key-from-the-database',
    double: 'our emulator of Cloud Storage',
    tries: 'an insider who reads the database signs a URL with what lies there',
    refused: FORGED,
    defence: 'the key of a day lies there wrapped, and only the grant function may unwrap it',
    off: {
      edits: [
        edit(
          'functions/grants/url-keys.ts',
          'const wrapped = await services.keys.wrap(key, wrappingContext(accessId, day));',
          'const wrapped = key;',
        ),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      await fetch(`${api.baseUrl}/internal/url-keys`, { method: 'POST' });
      const { signedReadUrl, urlDay } = await lab.load<typeof signedUrls>(SIGNED_URL);
      const { verifyV4 } = await lab.load<typeof v4>(V4);
      const now = new Date();
      const day = urlDay(now);
      const data = await api.clients.documents.get(`urlKeys/${day}`);
      const key = Buffer.from(String(data?.['wrappedKey']), 'base64url');
      const stolen = { accessId: TEST_URL_KEY.accessId, day, key };
      const object = { origin: 'https://storage.googleapis.com', bucket: 'sealed', name: 'others' };
      const url = new URL(signedReadUrl(stolen, object, now, new Date(now.getTime() + 60_000)));
      const request = {
        method: 'GET',
        target: url.pathname + url.search,
        headers: { host: url.host },
      };
      const secret = createSecretKey(Buffer.from(TEST_URL_KEY.secret));
      const refusal = verifyV4(request, now, () => secret);
      return refusal ? `403 ${refusal.code}` : SUCCEEDED;
    },
  },
  {
    name: 'storage/guessed-name',
    tries: 'names of others’ sealed objects, guessed from one’s own',
    refused: 'not found',
    defence: '128 random bits in each name',
    off: {
      edits: [
        edit(
          'functions/grants/admit.ts',
          'toBase64url(services.randomBytes(16))',
          'toBase64url(new Uint8Array(16).fill(services.randomBytes(1)[0] as number))',
        ),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      const { sealed } = api.services.config.buckets;
      const mallory = await withPixel(api, 'mallory');
      const alice = await withPixel(api, 'alice');
      for (const each of [mallory, alice, alice]) await postGrant(each, await grantData(each));
      const names = await Array.fromAsync(api.clients.objects.list(sealed, ''), ({ name }) => name);
      // His own name says when an object that was granted in these seconds ends.
      const [own = ''] = names;
      const dueAt = readSealedObjectName(own)?.dueAt.getTime() ?? 0;
      for (let i = 0; i < 256 * 5; i++) {
        const grantId = `g_${Buffer.alloc(16, i % 256).toString('base64url')}`;
        const due = new Date(dueAt + (Math.floor(i / 256) - 2) * 1000);
        const guess = sealedObjectName(grantId, due, 0);
        if (guess !== own && (await api.clients.objects.stat(sealed, guess))) return SUCCEEDED;
      }
      return 'not found';
    },
  },
  {
    name: 'storage/wrapped-key-swap',
    tries: 'an insider gives one model the wrapped key and the vault object of another',
    refused: '500 internal',
    defence: 'a wrapped key is bound to model and version (KMS additional data)',
    off: {
      edits: [
        edit(
          'functions/catalogue/version-keys.ts',
          "lengthPrefixed('modelseal/1 vault', modelId, version)",
          "lengthPrefixed('modelseal/1 vault', String(modelId.length + version.length))",
        ),
      ],
    },
    run: insider(['wrappedKey', 'vaultObject']),
  },
  {
    name: 'storage/vault-object-swap',
    tries: 'an insider points one model at the vault object of another',
    refused: '500 internal',
    defence: 'each version is encrypted under a data key of its own',
    off: {
      edits: [
        edit(
          'functions/catalogue/publish-model.ts',
          'const dataKey = services.randomBytes(CONTENT_KEY_BYTES);',
          'const dataKey = new Uint8Array(CONTENT_KEY_BYTES).fill(7);',
        ),
      ],
    },
    run: insider(['vaultObject']),
  },
  {
    name: 'storage/manifest-swap',
    tries: 'an insider points one model at the manifest of another',
    refused: '500 internal',
    defence: 'the catalogue knows a manifest by its digest',
    off: {
      edits: [
        edit(
          'functions/catalogue/manifests.ts',
          "if (createHash('sha256').update(bytes).digest('base64url') !== manifestDigest) {",
          'if (false) {',
        ),
      ],
    },
    run: insider(['manifestObject']),
  },
];
