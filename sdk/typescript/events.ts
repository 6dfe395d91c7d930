/** What the app tells about itself and its models; docs/mobile/protocol.md lists the types. */
import type { SealingCrypto } from '../../functions/protocol/crypto.ts';

/** Something that happened on the device. */
export interface ClientEvent {
  readonly type:
    | 'app.started'
    | 'model.opened'
    | 'model.open_failed'
    | 'model.crashed'
    | 'licence.expired'
    | 'rasp.checked'
    | 'rasp.signal'
    | 'clock.moved';
  readonly model?: string;
  readonly version?: string;
  readonly grant?: string;
  /** The kind of a `rasp.signal`, such as `jailbreak`, or the code of an error. */
  readonly cause?: string;
  /** Flat, and few. */
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
  /** ISO 8601 in UTC; now, where absent. */
  readonly occurredAt?: string;
  /** Makes a repetition harmless; made up where absent. */
  readonly eventId?: string;
}

/**
 * With its time and its id: to be kept until the report was accepted, so that a repetition is known as one.
 *
 * @param event What it has already stays.
 * @param now Its time, where it has none.
 * @param crypto Random bytes for its id.
 */
export function completeEvent(
  event: ClientEvent,
  now: Date,
  crypto: Pick<SealingCrypto, 'randomBytes'>,
): ClientEvent {
  return { eventId: uuidv7(now, crypto.randomBytes(10)), occurredAt: now.toISOString(), ...event };
}

/** RFC 9562 section 5.7. */
function uuidv7(now: Date, random: Uint8Array): string {
  const hex = (bytes: Iterable<number>) =>
    Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const time = now.getTime().toString(16).padStart(12, '0');
  const [high = 0, low = 0, variant = 0, ...rest] = random;
  const version = hex([0x70 | (high & 0x0f), low]);
  const clock = hex([0x80 | (variant & 0x3f), ...rest.slice(0, 1)]);
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}-${clock}-${hex(rest.slice(1, 7))}`;
}
