/** What thieves try so that a copy names nobody, or somebody else. */
import type * as markings from '../../functions/grants/watermarking.ts';
import type * as observing from '../../functions/watermark/observe.ts';
import type * as suspecting from '../../functions/watermark/suspects.ts';
import type * as tensors from '../../functions/watermark/tensors.ts';
import { createRandom } from '../support/random.ts';
import { type Attack, edit, SUCCEEDED } from './attack.ts';
import type { Lab } from './lab.ts';

const WEIGHTS = 1 << 17;
const LAYERS = [
  { index: 0, offset: 0, length: 2 * WEIGHTS, dtype: 'float16', shape: [512, WEIGHTS / 512] },
];
const DATA_KEY = new Uint8Array(32).fill(7);
const STRENGTH = 'resistant' as const;

/** A model of random weights, and who gets which copy of it. */
async function marked(lab: Lab) {
  const random = createRandom(1);
  const model = Float16Array.from({ length: WEIGHTS }, () => 0.1 * random.normal());
  const { createMarking, deriveTraceKey } = await lab.load<typeof markings>(
    'functions/grants/watermarking.ts',
  );
  const copyOf = async (grantId: string, userId: string) => {
    const bytes = new Uint8Array(model.slice().buffer);
    const grant = { grantId, userId, deviceId: `d_${userId}` };
    const marking = await createMarking(DATA_KEY, grant, LAYERS, STRENGTH);
    const parts = (async function* () {
      yield { bytes, offset: 0 };
    })();
    for await (const _ of marking.stage(parts as never));
    return { weights: new Float16Array(bytes.buffer), fingerprint: marking.fingerprint ?? '' };
  };
  /** Whom a leak accuses, of these. */
  const accused = async (leak: Float16Array, of: readonly string[]) => {
    const { observeLeak } = await lab.load<typeof observing>('functions/watermark/observe.ts');
    const { tensorsOf } = await lab.load<typeof tensors>('functions/watermark/tensors.ts');
    const { investigate, testSuspect, ACCUSED_LOG10P } = await lab.load<typeof suspecting>(
      'functions/watermark/suspects.ts',
    );
    const original = { bytes: new Uint8Array(model.buffer), layers: LAYERS, strength: STRENGTH };
    const traceKey = await deriveTraceKey(DATA_KEY);
    const leaked = tensorsOf(new Uint8Array(leak.buffer as ArrayBuffer), LAYERS);
    const investigation = investigate(observeLeak(original, leaked, traceKey), traceKey);
    return of.filter((name) => testSuspect(investigation, name).log10P < ACCUSED_LOG10P);
  };
  return { copyOf, accused };
}

/** A grant's identifier, of a letter. */
const grantId = (letter: string) => `g_${letter.repeat(22)}`;

export const watermarks: readonly Attack[] = [
  {
    name: 'watermark/self-collusion',
    tries: 'three grants of one model to one phone, to find the marks where the copies differ',
    refused: 'copies do not differ',
    defence: 'the mark is of version, user and device: the same bytes at each grant',
    async run(lab) {
      const { copyOf } = await marked(lab);
      const [first, ...others] = await Promise.all(
        ['A', 'B', 'C'].map((letter) => copyOf(grantId(letter), 'u_thief')),
      );
      const differ = others.some(({ weights }) =>
        weights.some((weight, i) => weight !== first?.weights[i]),
      );
      return differ ? SUCCEEDED : 'copies do not differ';
    },
    off: {
      edits: [
        edit(
          'functions/grants/watermarking.ts',
          'fingerprintOf(traceKey, grant)',
          'fingerprintOf(traceKey, { ...grant, deviceId: grant.grantId })',
        ),
      ],
    },
  },
  {
    name: 'watermark/erasure-by-opposites',
    tries: 'sixteen phones’ copies, and for each weight the opposite of their mean',
    refused: 'a thief is accused',
    defence: 'a decoder that learns from the leak what was done to the copies',
    async run(lab) {
      const { copyOf, accused } = await marked(lab);
      const copies = await Promise.all(
        [...'ABCDEFGHIJKLMNOP'].map((letter) => copyOf(grantId(letter), `u_${letter}`)),
      );
      const opposite = (copies[0]?.weights ?? new Float16Array()).map((_, i) => {
        const values = copies.map(({ weights }) => weights[i] as number);
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        return Math.min(...values) + Math.max(...values) - mean;
      });
      const names = await accused(
        opposite,
        copies.map(({ fingerprint }) => fingerprint),
      );
      return names.length > 0 ? 'a thief is accused' : SUCCEEDED;
    },
    off: {
      edits: [
        // What each weight says is taken at its word, as if copies had been averaged.
        edit(
          'functions/watermark/collusion-channel.ts',
          'Math.log(withOne / withZero)',
          'kind - (count - 1) / 2',
        ),
      ],
    },
  },
  {
    name: 'watermark/framing',
    tries: 'what three phones’ copies allow to be made up, so that a fourth is accused',
    refused: 'nobody else is accused',
    defence: 'a bound on what innocents’ copies agree with, computed for the very leak',
    async run(lab) {
      const { copyOf, accused } = await marked(lab);
      const copies = await Promise.all(
        ['A', 'B', 'C'].map((letter) => copyOf(grantId(letter), `u_${letter}`)),
      );
      const innocents = await Promise.all(
        [...'DEFGH'].map((letter) => copyOf(grantId(letter), `u_${letter}`)),
      );
      const random = createRandom(2);
      // Anything between and beyond what the copies have, weight by weight.
      const made = (copies[0]?.weights ?? new Float16Array()).map((_, i) => {
        const values = copies.map(({ weights }) => weights[i] as number);
        const [low, high] = [Math.min(...values), Math.max(...values)];
        return low + (3 * random.next() - 1) * (high - low);
      });
      const names = await accused(
        made,
        innocents.map(({ fingerprint }) => fingerprint),
      );
      return names.length > 0 ? SUCCEEDED : 'nobody else is accused';
    },
    off: {
      edits: [
        edit(
          'functions/watermark/suspects.ts',
          'export const ACCUSED_LOG10P = -9;',
          'export const ACCUSED_LOG10P = 1;',
        ),
      ],
    },
  },
];
