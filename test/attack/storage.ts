/** Storage: signed URLs, names of objects, and an insider who moves ciphertexts about. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as storage from '../../functions/cloud/storage.ts';
import { readSealedObjectName, sealedObjectName } from '../../functions/grants/sealed-object.ts';
import type * as gcs from '../doubles/storage/gcs-server.ts';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import type { Api, Lab } from './lab.ts';
import { grantData, postGrant, verbatim, withPixel } from './requests.ts';

const V4 = 'test/doubles/storage/v4-verify.ts';
const SERVER = 'test/doubles/storage/gcs-server.ts';
const UNSIGNED = edit(V4, 'if (!accepted) {', 'if (false) {');
const FORGED = '403 SignatureDoesNotMatch';

/** A signed URL for one of two objects, as a grant gives it, and a clock for the storage service. */
async function signedUrl(lab: Lab) {
  const { startGcsServer } = await lab.load<typeof gcs>(SERVER);
  const { storageObjects } = await lab.load<typeof storage>('functions/cloud/storage.ts');
  const folder = mkdtempSync(join(tmpdir(), 'modelseal-attack-'));
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const email = 'functions@local.iam.gserviceaccount.com';
  let passedMs = 0;
  const server = await startGcsServer({
    folder,
    buckets: ['sealed', 'vault'],
    signer: { email, publicKey },
    now: () => new Date(Date.now() + passedMs),
  });
  lab.atEnd(() => rmSync(folder, { recursive: true, force: true }));
  lab.atEnd(() => server.stop());
  const signer = {
    client_email: email,
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
  const objects = storageObjects({ projectId: 'p', endpoint: server.url, signer });
  const write = (bucket: string, name: string) =>
    objects.write(
      bucket,
      name,
      (async function* () {
        yield Buffer.from(name);
      })(),
    );
  await Promise.all([write('sealed', 'mine'), write('sealed', 'others'), write('vault', 'mine')]);
  const url = await objects.signReadUrl('sealed', 'mine', new Date(Date.now() + 120_000));
  const pass = (ms: number): void => {
    passedMs += ms;
  };
  return { url, pass, baseUrl: server.url };
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
    [
      edit(
        'functions/cloud/storage.ts',
        'expires: expiresAt,',
        'expires: new Date(Date.now() + 86_400_000),',
      ),
    ],
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
