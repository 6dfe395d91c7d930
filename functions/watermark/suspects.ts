/** Whose copies a leak was made of, with the probability that the accusation is false. */
import {
  biasClasses,
  CopyBytes,
  type CopyHalves,
  HALF,
  POSITIONS,
  THRESHOLDS,
} from './biased-code.ts';
import { codeMarks } from './code-marks.ts';
import { type Assumption, type KnownCopies, positionEvidence } from './collusion-channel.ts';
import { FINGERPRINT_BYTES, fingerprintFrom } from './fingerprint.ts';
import { decodeIdentifier } from './identifier-code.ts';
import { InnocentBound } from './innocent-bound.ts';
import type { CodeMarks } from './observations.ts';
import type { ObservedLeak } from './observe.ts';

/** A suspect is accused where an innocent would be with a probability below this. */
export const ACCUSED_LOG10P = -9;

export interface Suspect {
  readonly fingerprint: string;
  /**
   * The decimal logarithm of the bound on the probability that an innocent user's copy would agree
   * as well with the leak: of all that were tested, in any of the ways in which they were.
   */
  readonly log10P: number;
  /** The same for the half of the code that is the device's alone: an innocent device of that user. */
  readonly deviceLog10P: number;
  /** The agreement in deviations of an innocent's. */
  readonly deviations: number;
  /** What both bounds allow for: the chances to accuse somebody else. */
  readonly log10Chances: number;
  /** The one that said so. */
  readonly decoder: Decoder;
}

/** Of the decoders that scan all suspects: for few colluders, and for many. */
export const SCANS: readonly Assumption[] = [
  { copies: 5, noisy: 'proportional' },
  { copies: 20, noisy: 'as seen' },
];
/** With those that were found, the others are looked for again, this often at most. */
export const ROUNDS = 3;
/** Each suspect had so many chances to be accused. */
const LOG10_CHANCES = Math.log10(SCANS.length * (1 + ROUNDS) + 1);

/** The evidence of one decoder, and what it is worth. */
export class Decoder {
  readonly evidence: Float32Array;
  readonly classes: Uint8Array;
  readonly #bound: InnocentBound;
  #deviceBound: InnocentBound | undefined;

  constructor(marks: CodeMarks, classes: Uint8Array, assumption: Assumption, known?: KnownCopies) {
    this.evidence = positionEvidence(marks, classes, assumption, known);
    this.classes = classes;
    this.#bound = new InnocentBound(this.evidence, classes);
  }

  /** `halves` as `CopyBytes` gives them; `log10Tested` of how many suspects this is one. */
  test(fingerprint: string, halves: CopyHalves, log10Tested: number): Suspect {
    const [user, device] = halves.map((bytes, half) => this.#sum(bytes, half * HALF)) as [
      number,
      number,
    ];
    this.#deviceBound ??= new InnocentBound(this.evidence, this.classes, HALF, POSITIONS);
    const allowance = log10Tested + LOG10_CHANCES;
    const { deviation } = this.#bound;
    return {
      fingerprint,
      log10P: Math.min(0, this.#bound.log10P(user + device) + allowance),
      deviceLog10P: Math.min(0, this.#deviceBound.log10P(device) + allowance),
      deviations: deviation > 0 ? (user + device) / deviation : 0,
      log10Chances: allowance,
      decoder: this,
    };
  }

  #sum(bytes: Uint8Array, first: number): number {
    let sum = 0;
    for (let i = 0; i < HALF; i++) {
      const threshold = THRESHOLDS[this.classes[first + i] as number] as number;
      const bit = (bytes[i] as number) < threshold ? 1 : 0;
      sum += (this.evidence[first + i] as number) * (bit - threshold / 256);
    }
    return sum;
  }
}

/** All that suspects are held against. */
export interface Investigation {
  readonly marks: CodeMarks;
  readonly classes: Uint8Array;
  readonly copies: CopyBytes;
  readonly decoders: readonly Decoder[];
}

export function investigate({ code }: ObservedLeak, traceKey: Uint8Array): Investigation {
  const classes = biasClasses(traceKey);
  const marks = codeMarks(code, classes);
  return {
    marks,
    classes,
    copies: new CopyBytes(traceKey),
    decoders: SCANS.map((assumption) => new Decoder(marks, classes, assumption)),
  };
}

/** One of `tested` suspects, by whichever decoder says most. Throws `fingerprint-invalid`. */
export function testSuspect(
  { copies, decoders }: Investigation,
  fingerprint: string,
  tested = 1,
): Suspect {
  const halves = copies.of(fingerprint);
  return likeliest(
    decoders.map((decoder) => decoder.test(fingerprint, halves, Math.log10(tested))),
  );
}

/** What the leak spells, without any list; that it is anyone's copy, only its `log10P` says. */
export const decodeFingerprint = (leak: ObservedLeak, investigation: Investigation): Suspect =>
  testSuspect(investigation, fingerprintFrom(decodeIdentifier(leak.chips, FINGERPRINT_BYTES)));

/**
 * The best of those who were `tested`, all again: in each round with the copies of the others that are
 * accused already, which leaves less unknown (after Meerwald and Furon's iterative decoder). For
 * no suspect does the evidence depend on his own copy, so the bound holds. The likeliest first.
 */
export function findAccomplices(
  { marks, classes, copies, decoders }: Investigation,
  best: readonly string[],
  tested: number,
): readonly Suspect[] {
  const log10Tested = Math.log10(Math.max(1, tested));
  let suspects = best.map((fingerprint) =>
    testSuspect({ marks, classes, copies, decoders }, fingerprint, tested),
  );
  for (let round = 0; round < ROUNDS; round++) {
    const accused = suspects.filter(({ log10P }) => log10P < ACCUSED_LOG10P);
    if (accused.length === 0 || accused.length === suspects.length) break;
    const known = knownCopies(copies, classes, accused);
    const informed = SCANS.map(({ copies: unknown, noisy }) => {
      const assumption = { copies: known.count + unknown, noisy };
      return new Decoder(marks, classes, assumption, known);
    });
    const next = suspects.map((suspect) => {
      if (accused.includes(suspect)) return suspect;
      const halves = copies.of(suspect.fingerprint);
      return likeliest([
        suspect,
        ...informed.map((decoder) => decoder.test(suspect.fingerprint, halves, log10Tested)),
      ]);
    });
    const found = next.filter(({ log10P }) => log10P < ACCUSED_LOG10P).length;
    suspects = next;
    if (found === accused.length) break;
  }
  return suspects.toSorted((a, b) => a.log10P - b.log10P || b.deviations - a.deviations);
}

function knownCopies(
  copies: CopyBytes,
  classes: Uint8Array,
  accused: readonly Suspect[],
): KnownCopies {
  const ones = new Uint8Array(POSITIONS);
  for (const { fingerprint } of accused) {
    copies.of(fingerprint).forEach((bytes, half) => {
      for (let i = 0; i < HALF; i++) {
        const at = half * HALF + i;
        const bit = (bytes[i] as number) < (THRESHOLDS[classes[at] as number] as number);
        if (bit) ones[at] = (ones[at] as number) + 1;
      }
    });
  }
  return { count: accused.length, ones };
}

const likeliest = (suspects: readonly Suspect[]): Suspect =>
  suspects.reduce((best, suspect) => (suspect.log10P < best.log10P ? suspect : best));
