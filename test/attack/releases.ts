/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: source texts, as they are written there. */
/** Which version is the newest, by somebody who is not the publisher. */
import type { DocumentData } from '../../functions/cloud/documents.ts';
import type * as primitives from '../../functions/protocol/node-crypto.ts';
import type * as records from '../../functions/protocol/release-record.ts';
import type * as accepting from '../../sdk/typescript/opening/accept-grant.ts';
import type * as copyFiles from '../../sdk/typescript/opening/copy-files.ts';
import type * as memories from '../../sdk/typescript/opening/release-memory.ts';
import { memoryStorage } from '../support/memory-storage.ts';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import type { Lab } from './lab.ts';
import { type Caller, grantData, postGrant, withPixel } from './requests.ts';

const RECORD = 'functions/protocol/release-record.ts';
const MEMORY = 'sdk/typescript/opening/release-memory.ts';
const PATH = 'models/smile';
const DAY_MS = 86_400_000;

/** As a caller's app asks for the newest. */
const asked = ({ enrolment, platform }: Caller) => ({
  deviceId: enrolment.deviceId,
  platform: platform.platform,
  appVersion: platform.appVersion,
});

const ONLY_CATALOGUE = edit(
  'functions/catalogue/renew-releases.ts',
  'const last = isBehind ? remembered : catalogued;',
  'const last = catalogued;',
);
const NO_SERIALS = edit(RECORD, 'if (record.serial < highestSerial) {', 'if (false) {');

/** A phone that has seen version 2.0.0 on offer, and the catalogue from before that. */
async function updated(lab: Lab) {
  let now = new Date();
  const api = await lab.api({ wrap: (services) => ({ ...services, now: () => now }) });
  const { documents, keys } = api.clients;
  const before = (await documents.get(PATH)) as DocumentData;
  await api.publish('smile', Buffer.alloc(2_000, 'other bytes '), {
    ...{ format: 'opaque', version: '2.0.0' },
  });
  const after = (await documents.get(PATH)) as DocumentData;
  const { nodeCrypto } = await lab.load<typeof primitives>('functions/protocol/node-crypto.ts');
  const { CopyFiles } = await lab.load<typeof copyFiles>('sdk/typescript/opening/copy-files.ts');
  const { ReleaseMemory } = await lab.load<typeof memories>(MEMORY);
  const { verifyTokens } = await lab.load<typeof accepting>(
    'sdk/typescript/opening/accept-grant.ts',
  );
  const pinnedKeys = [
    ...(await keys.publicKeys('manifest')),
    ...(await keys.publicKeys('licence')),
  ];
  const storage = memoryStorage();
  /** The app starts. */
  const start = () =>
    new ReleaseMemory(nodeCrypto, new CopyFiles(nodeCrypto, storage, 'ann'), pinnedKeys);
  const phone = await withPixel(api, 'alice');
  /** The phone asks for the newest, and judges what it is given. */
  const getNewest = async (from: Caller): Promise<string> => {
    const response = await postGrant(from, await grantData(from));
    if (!response.ok) return outcomeOf(Promise.resolve(response));
    const answer = (await response.json()) as Record<'manifest' | 'licence' | 'release', string>;
    const tokens = await verifyTokens(nodeCrypto, answer.manifest, answer.licence, pinnedKeys);
    const options = { latestFor: asked(from), now: new Date() };
    const outcome = await outcomeOf(start().accept(tokens, answer.release, options));
    const { version } = tokens.manifest;
    return outcome === SUCCEEDED && version !== '1.0.0' ? `given ${version}` : outcome;
  };
  await start().learn('smile', String(after['release']), new Date());
  return {
    ...{ api, documents, keys, before, after, start, phone, getNewest },
    /** The worker that signs records anew runs, on so many days. */
    async passDays(days: number) {
      const today = now;
      for (let day = 1; day <= days; day++) {
        now = new Date(today.getTime() + day * DAY_MS);
        await fetch(`${api.baseUrl}/internal/releases`, { method: 'POST' });
      }
      now = today;
    },
  };
}

export const releases: readonly Attack[] = [
  {
    name: 'release/set-back',
    tries: 'who can write the database puts back the release record of an older version',
    refused: 'release-rolled-back',
    defence: 'phones take no lower serial than they have seen',
    off: { edits: [NO_SERIALS] },
    async run(lab) {
      const { documents, before, after, phone, getNewest } = await updated(lab);
      await documents.set(PATH, { ...after, release: before['release'] as string });
      return getNewest(phone);
    },
  },
  {
    name: 'release/set-back-after-restart',
    tries: 'the same for an app that was started anew and has no copy any more',
    refused: 'release-rolled-back',
    defence: 'the last record is stored, past the end of copies',
    off: {
      edits: [
        edit(
          MEMORY,
          'await answered(() => this.#files.storage.replace(this.#name(model), utf8(release)));',
        ),
      ],
    },
    async run(lab) {
      const { before, start } = await updated(lab);
      return outcomeOf(start().learn('smile', String(before['release']), new Date()));
    },
  },
  {
    name: 'release/signed-anew',
    tries:
      'an older record in the database, for the worker to sign anew until its serial is the highest',
    refused: 'given 2.0.0',
    defence: 'the vault remembers the last record, and the higher serial counts',
    off: { edits: [ONLY_CATALOGUE] },
    async run(lab) {
      const { documents, before, after, phone, getNewest, passDays } = await updated(lab);
      const { release, releaseDueAt } = before as Record<string, string>;
      await documents.set(PATH, { ...after, release, releaseDueAt } as DocumentData);
      await passDays(3);
      return getNewest(phone);
    },
  },
  {
    name: 'release/old-document',
    tries:
      'a document that looks as if there had never been a record, for the worker to sign what it names',
    refused: 'given 2.0.0',
    defence: 'the vault remembers the last record, and the higher serial counts',
    off: { edits: [ONLY_CATALOGUE] },
    async run(lab) {
      const { documents, after, phone, getNewest, passDays } = await updated(lab);
      const { release: _, releaseDueAt: __, ...old } = after;
      await documents.set(PATH, { ...old, latest: '1.0.0' });
      await passDays(3);
      return getNewest(phone);
    },
  },
  {
    name: 'release/written-by-hand',
    tries: 'who can write the database changes what the record offers',
    refused: 'signature-invalid',
    defence: 'phones check the publisher’s signature',
    off: {
      edits: [
        edit(
          'functions/protocol/jws.ts',
          'await verifySignature(crypto, parsed, pinnedKey(parsed, purpose, keys));',
          'pinnedKey(parsed, purpose, keys);',
        ),
      ],
    },
    async run(lab) {
      const { documents, before, after, phone, getNewest } = await updated(lab);
      const partsOf = (data: DocumentData) => String(data['release']).split('.');
      const [header = '', payload = '', signature = ''] = partsOf(before);
      const record = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
      const text = JSON.stringify({ ...record, serial: 900 });
      const release = [header, Buffer.from(text).toString('base64url'), signature].join('.');
      await documents.set(PATH, { ...after, release });
      return getNewest(phone);
    },
  },
  {
    name: 'release/by-the-licence-key',
    tries: 'a captured grant function signs a record with the key that it may use',
    refused: 'signer-untrusted',
    defence: 'a record is the publisher’s, by the purpose of the pinned key',
    off: {
      edits: [
        edit(
          'functions/protocol/jws.ts',
          'if (!key?.kid.startsWith(`${purpose}.`)) throw',
          'if (!key) throw',
        ),
      ],
    },
    async run(lab) {
      const { keys, start } = await updated(lab);
      const { signReleaseRecord } = await lab.load<typeof records>(RECORD);
      const kid = await keys.signingKid('licence');
      const iat = Math.floor(Date.now() / 1000);
      const variants = [{ version: '1.0.0', manifestDigest: 'A'.repeat(43) }];
      const rules = [{ name: '1.0.0', share: 10_000, variants }];
      const record = { model: 'smile', serial: 900, rules, iat, exp: iat + 60 };
      const token = await signReleaseRecord(record, kid, (message) => keys.sign(kid, message));
      return outcomeOf(start().learn('smile', token, new Date()));
    },
  },
  {
    name: 'release/of-another-model',
    tries: 'the record of another model, which has a higher serial',
    refused: 'token-mismatch',
    defence: 'a record names its model',
    off: {
      edits: [
        edit(
          RECORD,
          "if (record.model !== model) throw new SealError('token-mismatch', 'a record of another model');",
        ),
      ],
    },
    async run(lab) {
      const { api, documents, start } = await updated(lab);
      for (const version of ['1', '2', '3']) {
        const bytes = Buffer.alloc(2_000, `version ${version} `);
        await api.publish('face', bytes, { format: 'opaque', version });
      }
      const face = (await documents.get('models/face')) as DocumentData;
      return outcomeOf(start().learn('smile', String(face['release']), new Date()));
    },
  },
  {
    name: 'release/frozen',
    tries:
      'who answers from an old copy of the database, so that phones never hear of a newer version',
    refused: 'release-expired',
    defence: 'a record ends after fourteen days',
    off: {
      edits: [
        edit(
          RECORD,
          "if (now.getTime() / 1000 >= record.exp) throw new SealError('release-expired');",
        ),
      ],
    },
    async run(lab) {
      const { after, start } = await updated(lab);
      const later = new Date(Date.now() + 15 * DAY_MS);
      return outcomeOf(start().learn('smile', String(after['release']), later));
    },
  },
  {
    name: 'release/not-on-offer',
    tries: 'an older version for the newest, with the record that offers another',
    refused: 'token-mismatch',
    defence: 'what is delivered as the newest is on offer, by the digest of its manifest',
    off: {
      edits: [
        edit(
          RECORD,
          "if (!isOwn) throw new SealError('token-mismatch', 'not the version on offer');",
        ),
      ],
    },
    async run(lab) {
      const { after, phone, start } = await updated(lab);
      const { nodeCrypto } = await lab.load<typeof primitives>('functions/protocol/node-crypto.ts');
      const { verifyTokens } = await lab.load<typeof accepting>(
        'sdk/typescript/opening/accept-grant.ts',
      );
      const response = await postGrant(phone, await grantData(phone, { version: '1.0.0' }));
      const { manifest, licence } = (await response.json()) as Record<string, string>;
      const keys = [
        ...(await phone.api.clients.keys.publicKeys('manifest')),
        ...(await phone.api.clients.keys.publicKeys('licence')),
      ];
      const tokens = await verifyTokens(nodeCrypto, String(manifest), String(licence), keys);
      const options = { latestFor: asked(phone), now: new Date() };
      return outcomeOf(start().accept(tokens, String(after['release']), options));
    },
  },
  {
    name: 'release/renamed-before-revocation',
    tries:
      'a version’s manifest swapped in the database, for the publisher to sign it when he revokes the newest',
    refused: 'token-mismatch',
    defence: 'what is to be offered is signed after a look at its manifest in the vault',
    off: {
      edits: [
        edit(
          'functions/catalogue/releases.ts',
          "if (!isNamed) throw new SealError('token-mismatch', 'a manifest of another version');",
        ),
      ],
    },
    async run(lab) {
      const { api, documents, after } = await updated(lab);
      type Entries = Record<string, Record<string, string>>;
      const { '1.0.0': first, '2.0.0': second } = after['versions'] as unknown as Entries;
      const { manifestObject, manifestDigest } = second ?? {};
      const swapped = { ...first, manifestObject, manifestDigest };
      const versions = { '1.0.0': swapped, '2.0.0': second };
      await documents.set(PATH, { ...after, versions } as unknown as DocumentData);
      type Revoke = typeof import('../../functions/catalogue/revoke-model.ts');
      const { revokeModel } = await lab.load<Revoke>('functions/catalogue/revoke-model.ts');
      return outcomeOf(revokeModel(api.services, 'smile', '2.0.0', new Date()));
    },
  },
];
