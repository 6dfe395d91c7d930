/** Which release records a client takes and which it refuses, with the code: beside sealing.json, whose keys and manifest these use. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { utf8 } from '../../functions/protocol/bytes.ts';
import { toBase64url } from '../../functions/protocol/encoding.ts';
import type { RolloutDevice } from '../../functions/protocol/rollout.ts';
import { offersOf, type Rule, ruleOf } from '../../functions/protocol/rollout-rules.ts';
import type { makeVectors } from './make-vectors.ts';
import { bytesFor, signingKey } from './seeded.ts';

/** Where they lie. */
export const RELEASES_PATH = join(import.meta.dirname, 'releases.json');

type Members = Readonly<Record<string, unknown>>;
type Key = ReturnType<typeof signingKey>;

const [PUBLISHER, LICENSOR, STRANGER] = [
  signingKey('manifest.1'),
  signingKey('licence.1'),
  signingKey('manifest.9'),
];
const DAY = 86_400;

function tokenOf(header: Members, payload: Members, { sign }: Key): string {
  const part = (value: unknown) => toBase64url(utf8(JSON.stringify(value)));
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${toBase64url(sign(utf8(input)))}`;
}

/**
 * All of them; every call makes the same. In each row a device has `seen` a record (null: none), and is
 * then given `token` at `now`, with the grant of sealing.json where `isGrant`, which asked for the newest
 * where `isNewest`; else with an answer that delivers nothing of the model `example`. The device is an
 * Android one with version 2.1.0 of the app, and tells of itself what `device` has.
 */
export function makeReleases({ manifest, claims, now }: Awaited<ReturnType<typeof makeVectors>>) {
  const header = { alg: 'ES256', typ: 'modelseal-release+jwt', kid: PUBLISHER.kid };
  const manifestDigest = createHash('sha256').update(manifest).digest('base64url');
  const offer = { version: claims.version, manifestDigest };
  const other = { version: '2.0.0', manifestDigest: toBase64url(bytesFor('another manifest', 32)) };
  const record = {
    ...{ v: 1, model: claims.model, serial: 7, offered: [offer] },
    ...{ iat: now - DAY, exp: now + 13 * DAY },
  };
  const changed = (members: Members) => tokenOf(header, { ...record, ...members }, PUBLISHER);
  const headed = (members: Members, key = PUBLISHER) =>
    tokenOf({ ...header, ...members }, record, key);
  const partly = { ...other, platform: 'ios' };
  const sound = changed({});
  const seenOf = (serial: number) => changed({ serial });
  const row = (
    name: string,
    token: string,
    code: string,
    {
      seen = null as string | null,
      isGrant = true,
      isNewest = true,
      at = now,
      device = {} as Partial<RolloutDevice>,
    } = {},
  ) => ({ name, seen, token, isGrant, isNewest, device, now: at, code });
  const none = { isGrant: false };
  /** Rows of records that say it in rules. */
  const ruled = () => {
    const [own, base] = [ruleOf(offer), ruleOf(other)];
    const put = (rule: object, more: Members = {}) => {
      const rules = [{ ...own, ...rule }, base];
      return changed({ offered: offersOf(rules as Rule[]), rules, ...more });
    };
    const to = (device: Partial<RolloutDevice>) => ({ device });
    const os = { when: { os: { min: '14', below: '16' } } };
    const chips = { when: { chips: ['sm8650', 'sm8750'] } };
    const variants = [{ ...other, when: { ram: { min: '6' } } }, offer];
    const files = { variants, since: now };
    const refused = 'token-mismatch';
    return [
      row('a system in the range', put(os), 'done', to({ osVersion: '15.9' })),
      row('a system at its end', put(os), refused, to({ osVersion: '16' })),
      row('a system before its beginning', put(os), refused, to({ osVersion: '13.9.9' })),
      row('a system that was not told', put(os), refused),
      row('a chip of several', put(chips), 'done', to({ chip: 'sm8750' })),
      row('another chip', put(chips), refused, to({ chip: 'sm8850' })),
      row('another platform', put({ when: { platform: 'ios' } }), refused),
      row('an app below the end', put({ when: { app: { below: '2.1.1' } } }), 'done'),
      row('an app at the end', put({ when: { app: { below: '2.1' } } }), refused),
      row('the file for little memory', put(files), 'done', to({ ramGb: 5 })),
      row('the file for much memory', put(files), refused, to({ ramGb: 6 })),
      row('the file for who tells nothing', put(files), 'done'),
      row('a rollout to nobody', put({ share: 0 }), refused),
      row('a halted rollout', put({ halted: now }), refused),
      row('a paused rollout', put({ paused: now, steps: [{ at: now + DAY, share: 10_000 }], share: 9_999, name: 'x' }), 'done'),
      row('a condition that is not known', put({ when: { colour: 'red' } }, { offered: offersOf([base]) }), refused),
      row('a rule with a member that is not known', put({ ...os, colour: 'red' }), 'done', to({ osVersion: '14' })),
      row('a version that was taken back', put({ since: now }, { revoked: [offer.version] }), refused),
      row('the same, by its name', put({ since: now }, { revoked: [offer.version] }), refused, {
        isNewest: false,
      }),
      row('one from before the least', put({ since: now }, { minPublishedAt: now + 1 }), refused),
      row('other versions that were taken back', put({ since: now }, { revoked: ['0.9'], minPublishedAt: 1 }), 'done'),
      row('old and new readers told different things', changed({ rules: [own] , offered: [other] }), 'token-malformed'),
      row('rules without one for all', changed({ rules: [{ ...own, share: 1 }], offered: [offer] }), 'token-malformed'),
      row('nine rules', changed({ rules: Array(9).fill(own) }), 'token-malformed'),
      row('a rule without files', put({ variants: [] }), 'token-malformed'),
      row('a condition that asks nothing', put({ when: {} }), 'token-malformed'),
      row('a range of words', put({ when: { os: { min: 'new' } } }), 'token-malformed'),
      row('a share above all', put({ ...os, share: 10_001 }), 'token-malformed'),
    ];
  };
  return {
    about: 'release records; docs/mobile/protocol.md sections 8 and 10; made by `npm run vectors`',
    rows: [
      row('the first record of a model', sound, 'done'),
      row('the record that was seen last', sound, 'done', { seen: sound }),
      row('a newer record', sound, 'done', { seen: seenOf(6) }),
      row('the other one of two, while one is rolled out', changed({ offered: [partly, offer] }), 'done'),
      ...ruled(),
      row('a version by its name that is not on offer', changed({ offered: [other] }), 'done', {
        isNewest: false,
      }),
      row('a member that is not known', changed({ colour: 'red' }), 'done'),
      row('the last second', sound, 'done', { at: record.exp - 1 }),
      row('a list with a newer record', changed({ serial: 9 }), 'done', { ...none, seen: sound }),
      row('a seen record that has ended', seenOf(8), 'done', { seen: changed({ exp: now - 1 }) }),

      row('a record before the one seen', sound, 'release-rolled-back', { seen: seenOf(8) }),
      row('the same for a version by its name', sound, 'release-rolled-back', {
        ...{ seen: seenOf(8), isNewest: false },
      }),
      row('the same in a list', sound, 'release-rolled-back', { ...none, seen: seenOf(8) }),
      row('an older one that also has ended', sound, 'release-rolled-back', {
        ...{ seen: seenOf(8), at: record.exp },
      }),
      row('its end', sound, 'release-expired', { at: record.exp }),
      row('its end in a list', sound, 'release-expired', { ...none, at: record.exp }),
      row('another model', changed({ model: 'other' }), 'token-mismatch'),
      row('another model in a list', changed({ model: 'other' }), 'token-mismatch', none),
      row('a version that is not on offer', changed({ offered: [other] }), 'token-mismatch'),
      row(
        'other bytes of the version',
        changed({ offered: [{ ...other, version: offer.version }] }),
        'token-mismatch',
      ),
      row(
        'the bytes under another version',
        changed({ offered: [{ ...other, manifestDigest }] }),
        'token-mismatch',
      ),
      row('no record', '', 'token-malformed'),
      row('the manifest in its place', manifest, 'token-malformed'),
      row('v 2', changed({ v: 2 }), 'token-malformed'),
      row('serial 0', changed({ serial: 0 }), 'token-malformed'),
      row('half a serial', changed({ serial: 7.5 }), 'token-malformed'),
      row('a serial as text', changed({ serial: '7' }), 'token-malformed'),
      row('nothing on offer', changed({ offered: [] }), 'token-malformed'),
      row('nine on offer', changed({ offered: Array(9).fill(offer) }), 'token-malformed'),
      row('no end', changed({ exp: undefined }), 'token-malformed'),
      row('a key in the header', headed({ jwk: PUBLISHER.jwk }), 'token-malformed'),
      row('a key that is not pinned', headed({ kid: STRANGER.kid }, STRANGER), 'signer-untrusted'),
      row('the licence key', headed({ kid: LICENSOR.kid }, LICENSOR), 'signer-untrusted'),
      row('another key than it says', headed({}, STRANGER), 'signature-invalid'),
      row('the licence key under the publisher’s name', headed({}, LICENSOR), 'signature-invalid'),
    ],
  };
}
