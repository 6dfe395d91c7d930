/**
 * What keeps an enrolled device from being served, and for which calls: one table, so that a renewal
 * is not had where a grant is refused. What a device reports is evidence and is taken from everybody
 * who proves it; retiring a device and being forgotten are rights, also of who is blocked.
 */

/** What a device asks for. */
export type DeviceCallKind = 'grant' | 'renewal' | 'report' | 'retirement' | 'approval' | 'erasure';

/** `unapproved`: a further device of a user that none of his others has vouched for yet. */
export type Obstacle =
  | 'userBlocked'
  | 'deviceBlocked'
  | 'networkBlocked'
  | 'attestationOld'
  | 'stepUp'
  | 'throttled'
  | 'appWithdrawn'
  | 'launchUnsound'
  | 'unapproved';

const MODELS: readonly DeviceCallKind[] = ['grant', 'renewal'];

const OBSTRUCTS: Readonly<Record<Obstacle, readonly DeviceCallKind[]>> = {
  userBlocked: MODELS,
  deviceBlocked: MODELS,
  networkBlocked: MODELS,
  attestationOld: MODELS,
  stepUp: MODELS,
  throttled: MODELS,
  appWithdrawn: MODELS,
  launchUnsound: MODELS,
  // Of models, the personal ones; retiring itself is open to it. See identity/approval.ts.
  unapproved: ['approval', 'erasure'],
};

/** Whether a call of that kind is refused, or for `throttled` slowed, because of it. */
export const obstructs = (obstacle: Obstacle, kind: DeviceCallKind): boolean =>
  OBSTRUCTS[obstacle].includes(kind);
