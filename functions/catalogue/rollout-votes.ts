/**
 * How a version goes on phones: one vote a device and version, whatever it reports and however often.
 * The version is the one of a grant that this device was given, never its own word; and a vote only
 * becomes worse, so that nobody takes back what he reported.
 */
import { z } from 'zod';
import { documentKind } from '../cloud/document-kind.ts';
import { deviceTraits } from '../identity/devices.ts';
import { DAY_MS } from '../time.ts';

/** From the best to the worst. `refused` is in votes from before the service's own part was noted by itself. */
const OPENINGS = ['ok', 'slow', 'refused', 'failed'] as const;
const SEALINGS = ['ok', 'slow', 'failed'] as const;
const RUNS = ['ok', 'crashed'] as const;

const RETENTION_MS = 30 * DAY_MS;

const record = z.object({
  /** Which version: `rolloutKey`. */
  rollout: z.string(),
  device: z.string(),
  platform: z.enum(['ios', 'android']),
  appVersion: z.string(),
  traits: deviceTraits.nullable(),
  enrolledAt: z.date(),
  /** Version, time of the first grant and device; null of a vote from before grants were noted. */
  fetchedKey: z.string().nullable().default(null),
  /** How the service itself did when it sealed a copy: also of phones that never tell anything. */
  sealing: z.enum(SEALINGS).nullable().default(null),
  /** How the first opening went; null before. */
  opening: z.enum(OPENINGS).nullable(),
  /** Version, time of the first report and device, by which votes are read in order; null before. */
  openedKey: z.string().nullable(),
  /** The event that said so first: one that is delivered twice is no second use. */
  openedBy: z.string().nullable(),
  /** How the first use ended that a later one or a crash tells of. */
  run: z.enum(RUNS).nullable(),
  ranKey: z.string().nullable(),
  expireAt: z.date(),
});
export type Vote = z.infer<typeof record>;

/** Sorts the votes of a version by time, which ISO 8601 does; without a device, where those of an instant begin. */
export const voteKey = (rollout: string, at: Date, deviceId = ''): string =>
  `${rollout}~${at.toISOString()}~${deviceId}`;

/** A rule of a model. */
export const rolloutKey = (modelId: string, name: string): string => `${modelId}~${name}`;

export const votePath = (modelId: string, name: string, deviceId: string): string =>
  `votes/${rolloutKey(modelId, name)}~${deviceId}`;

/** Throws on a document that this code did not write. */
export const readVote = documentKind('vote', record);

/** What is known of the device. */
export type Voter = Pick<Vote, 'device' | 'platform' | 'appVersion' | 'traits' | 'enrolledAt'>;

/** A device that has not voted on this version. */
export const blankVote = (
  rollout: string,
  { device, platform, appVersion, traits, enrolledAt }: Voter,
  now: Date,
): Vote => ({
  ...{ rollout, device, platform, appVersion, traits, enrolledAt },
  ...{
    fetchedKey: null,
    sealing: null,
    opening: null,
    openedKey: null,
    openedBy: null,
    run: null,
    ranKey: null,
  },
  expireAt: new Date(now.getTime() + RETENTION_MS),
});

/** What an event says of a version. */
export type Said =
  | { readonly sealing: (typeof SEALINGS)[number] }
  | { readonly opening: (typeof OPENINGS)[number]; readonly eventId: string }
  | { readonly run: 'crashed' };

/** The vote after this. */
export function voted(vote: Vote, said: Said, now: Date): Vote {
  const key = voteKey(vote.rollout, now, vote.device);
  if ('sealing' in said) {
    const worst = Math.max(
      ...[vote.sealing ?? 'ok', said.sealing].map((one) => SEALINGS.indexOf(one)),
    );
    return { ...vote, fetchedKey: vote.fetchedKey ?? key, sealing: SEALINGS[worst] ?? 'ok' };
  }
  if ('run' in said) return { ...vote, run: 'crashed', ranKey: vote.ranKey ?? key };
  if (vote.opening === null) {
    return { ...vote, opening: said.opening, openedKey: key, openedBy: said.eventId };
  }
  const isWorse = OPENINGS.indexOf(said.opening) > OPENINGS.indexOf(vote.opening);
  const isLater = said.opening === 'ok' && said.eventId !== vote.openedBy && vote.run === null;
  return {
    ...vote,
    ...(isWorse && { opening: said.opening }),
    ...(isLater && { run: 'ok' as const, ranKey: key }),
  };
}
