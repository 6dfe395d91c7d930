/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: source texts, as they are written there. */

import type * as softwareKeys from '../../sdk/typescript/node/software-key.ts';
import type * as stores from '../../sdk/typescript/opening/model-store.ts';
import { memoryStorage } from '../support/memory-storage.ts';
import { inPieces } from '../support/streams.ts';
import { type Attack, edit, outcomeOf } from './attack.ts';
import { delivery, HOUR_MS } from './delivery.ts';
import type { Lab } from './lab.ts';

const STORE = 'sdk/typescript/opening/model-store.ts';
const FILES = 'sdk/typescript/opening/copy-files.ts';
const LICENCE = 'functions/protocol/licence.ts';

/** Of the renewal that the app asks for. */
const NONCE = 'the-nonce-of-this-call';

/** A phone on which the model was installed. */
async function installed(lab: Lab) {
  const between = await delivery(lab);
  const { nodeCrypto, cloud, published, recipientKey, accept, now } = between;
  const { ModelStore } = await lab.load<typeof stores>(STORE);
  const { softwareKey } = await lab.load<typeof softwareKeys>(
    'sdk/typescript/node/software-key.ts',
  );
  const storage = memoryStorage();
  const storeUnder = (hardware: number, account = 'ann') =>
    new ModelStore({
      crypto: nodeCrypto,
      storage,
      hardwareKey: softwareKey(nodeCrypto, new Uint8Array(32).fill(hardware)),
      pinnedKeys: cloud.pinnedKeys,
      account,
    });
  const store = storeUnder(1);
  const delivered = await cloud.grant(published, recipientKey);
  await store.install(await accept(delivered), inPieces(delivered.sealed), now);
  const later = (ms: number) => new Date(now.getTime() + ms);
  return { ...between, store, storage, storeUnder, later };
}

export const storedCopies: readonly Attack[] = [
  {
    name: 'store/other-account',
    tries: 'another account on the same phone opens a copy',
    refused: 'storage-corrupt',
    defence: 'files are named by their account, and their seal is bound to that name',
    off: {
      edits: [
        edit(
          FILES,
          'utf8(`modelseal/1 account ${account}`)',
          'utf8(`modelseal/1 ${account.length}`)',
        ),
      ],
    },
    async run(lab) {
      const { storeUnder, later } = await installed(lab);
      return outcomeOf(storeUnder(1, 'bob').open('g_1', later(0)));
    },
  },
  {
    name: 'store/copied-to-other-phone',
    tries: 'all files of the app, copied to another phone',
    refused: 'storage-corrupt',
    defence: 'the storage key is wrapped by a key of this phone’s hardware',
    off: {
      edits: [
        edit(
          'sdk/typescript/node/software-key.ts',
          'const secret = await crypto.gcmOpen(key, iv, NO_AAD, ciphertext, tag, into);',
          'const secret = await crypto.gcmOpen(new Uint8Array(32), iv, NO_AAD, ciphertext, tag, into);',
        ),
        edit(
          'sdk/typescript/node/software-key.ts',
          'await crypto.gcmSeal(key, iv, NO_AAD, secret)',
          'await crypto.gcmSeal(new Uint8Array(32), iv, NO_AAD, secret)',
        ),
      ],
    },
    async run(lab) {
      const { storeUnder, later } = await installed(lab);
      return outcomeOf(storeUnder(2).open('g_1', later(60_000)));
    },
  },
  {
    name: 'store/record-of-other-model',
    tries: 'the record of one stored model under the name of another',
    refused: 'storage-corrupt',
    defence: 'a record is bound to its id',
    off: {
      edits: [
        edit(
          'sdk/typescript/opening/model-record.ts',
          'utf8(`modelseal/1 record ${name}`)',
          'utf8(`modelseal/1 record ${name.length}`)',
        ),
      ],
    },
    async run(lab) {
      const { store, storage, later } = await installed(lab);
      for (const kind of ['record', 'model'] as const) {
        const file = storage.files.get(store.files.name('g_1', kind)) as Uint8Array;
        storage.files.set(store.files.name('g_2', kind), file);
      }
      return outcomeOf(store.open('g_2', later(60_000)));
    },
  },
  {
    name: 'store/clock-set-back',
    tries: 'the clock set back by an hour, so that a licence lasts longer',
    refused: 'clock-rolled-back',
    defence: 'the latest time seen is remembered',
    off: {
      edits: [
        edit(STORE, 'if (now.getTime() < record.seenMs - CLOCK_TOLERANCE_MS) {', 'if (false) {'),
      ],
    },
    async run(lab) {
      const { store, later } = await installed(lab);
      (await store.open('g_1', later(2 * HOUR_MS)))[Symbol.dispose]();
      return outcomeOf(store.open('g_1', later(HOUR_MS)));
    },
  },
  {
    name: 'store/licence-played-back',
    tries: 'the same licence as its own renewal, so that the device forgets the time',
    refused: 'clock-rolled-back',
    defence: 'only a newer licence brings another time',
    off: {
      edits: [
        edit(
          STORE,
          'isNewer ? renewed.licence.iat * 1000 : record.seenMs',
          'renewed.licence.iat * 1000',
        ),
      ],
    },
    async run(lab) {
      const { store, cloud, published, later } = await installed(lab);
      const renewed = await cloud.licence(published, later(HOUR_MS / 2), { nonce: NONCE });
      await store.renew('g_1', renewed, NONCE);
      (await store.open('g_1', later(2 * HOUR_MS)))[Symbol.dispose]();
      await store.renew('g_1', renewed, NONCE);
      return outcomeOf(store.open('g_1', later(HOUR_MS)));
    },
  },
  {
    name: 'store/renewals-hoarded',
    tries:
      'renewals that were asked for and put by, played back one after another as time stands still',
    refused: 'token-mismatch',
    defence: 'a renewal repeats the random nonce of the request that it answers',
    off: {
      edits: [
        edit(
          STORE,
          'const isAnswer = renewed.licence.nonce !== undefined && renewed.licence.nonce === nonce;',
          'const isAnswer = true; void nonce;',
        ),
      ],
    },
    async run(lab) {
      const { store, cloud, published, later } = await installed(lab);
      const hoard = await Promise.all(
        [12, 24, 36].map((hours) =>
          cloud.licence(published, later(hours * HOUR_MS), { nonce: `${hours}`.repeat(11) }),
        ),
      );
      for (const token of hoard) {
        await store.renew('g_1', token, NONCE).catch(() => undefined);
      }
      const [last = ''] = hoard.slice(-1);
      return outcomeOf(store.renew('g_1', last, NONCE));
    },
  },
  {
    name: 'store/expired',
    tries: 'a copy whose licence has ended, grace and all',
    refused: 'licence-expired',
    defence: 'the licence is looked at with each opening',
    off: { edits: [edit(LICENCE, "? 'grace' : 'expired';", "? 'grace' : 'grace';")] },
    async run(lab) {
      const { store, later } = await installed(lab);
      return outcomeOf(store.open('g_1', later(26 * HOUR_MS)));
    },
  },
  {
    name: 'store/renewed-with-other-licence',
    tries: 'a renewal by the licence of another grant',
    refused: 'token-mismatch',
    defence: 'a renewal is for the same grant, user, device and bytes',
    off: {
      edits: [
        edit(
          STORE,
          'if (!isSameCopy || !isAnswer || renewed.licence.iat < tokens.licence.iat) {',
          'if (false) {',
        ),
      ],
    },
    async run(lab) {
      const { store, cloud, published, later } = await installed(lab);
      const other = await cloud.licence(published, later(HOUR_MS), {
        grantId: 'g_2',
        nonce: NONCE,
      });
      return outcomeOf(store.renew('g_1', other, NONCE));
    },
  },
  {
    name: 'store/path-in-grant-id',
    tries: 'a grant id from the server that is a path on the device',
    refused: 'token-mismatch',
    defence: 'grant ids that become file names have a small alphabet',
    off: { edits: [edit(FILES, 'if (!/^[\\w-]{1,128}$/.test(grantId))', 'if (false)')] },
    async run(lab) {
      const { store } = await installed(lab);
      return outcomeOf(store.erase('../../other-app/data'));
    },
  },
];
