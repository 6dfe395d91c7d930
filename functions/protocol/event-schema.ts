/**
 * Every event that the system records, in one table. Types, validation, the Pub/Sub schema and the
 * analysts' table all come from here. A type, once published, keeps its name and meaning.
 */

/** Who observed it: our functions, or the app on a device that we do not control. */
export type EventSource = 'server' | 'client';

interface EventRow {
  readonly source: EventSource;
  readonly description: string;
}

const server = (description: string) => ({ source: 'server', description }) as const;
const client = (description: string) => ({ source: 'client', description }) as const;

export const EVENT_TYPES = {
  'challenge.issued': server('A challenge was handed to a signed-in user.'),
  'challenge.refused': server('A request for a challenge was refused.'),
  'challenge.replayed': server('A challenge came back that had been spent already.'),
  'counter.regressed': server('A device proof carried a counter that had not grown.'),
  'device.enrolled': server('A device proved itself genuine and was enrolled.'),
  'device.approved': server('A further device of a user was approved by one of his others.'),
  'device.refused': server('An enrolment was refused.'),
  'device.retired': server('A device was removed by its user or an operator.'),
  'device.revoked': server(
    'A certificate that vouched for a device was revoked after its enrolment; the device was retired.',
  ),
  'device.risk': server('Apple told how many keys the app had attested on a device of late.'),
  'grant.made': server('A model was sealed for one user on one device.'),
  'grant.refused': server('A request for a model was refused.'),
  'grant.failed': server('A grant was decided, and its copy could not be sealed.'),
  'grant.slow': server('A copy was sealed, and that took longer than anybody should wait.'),
  'rollout.halted': server(
    'A version failed more often than the one before, and its rollout was halted.',
  ),
  'licence.renewed': server('The licence of a copy on a device was given a longer life.'),
  'renewal.refused': server('A request to renew a licence was refused.'),
  'limit.hit': server('A request went over a limit.'),
  'object.swept': server('A sealed object was deleted at the end of its time.'),
  'report.refused': server('A batch of client events was refused.'),
  'user.erased': server('The data of a user was erased.'),
  'app.started': client('The app started; its self-checks are running.'),
  'model.opened': client('A granted model was opened.'),
  'model.open_failed': client('A granted model could not be opened.'),
  'model.crashed': client('The app ended in a crash when it last used a granted model.'),
  'licence.expired': client('A licence ended and the copy was erased.'),
  'rasp.checked': client('All self-checks of the app ran to their end.'),
  'rasp.signal': client('A self-check of the app noticed something.'),
  'clock.moved': client('The clock of the device was moved.'),
} as const satisfies Record<string, EventRow>;

export type EventType = keyof typeof EVENT_TYPES;
export type ClientEventType = {
  [T in EventType]: (typeof EVENT_TYPES)[T] extends { source: 'client' } ? T : never;
}[EventType];

/** The `cause` of a `rasp.signal`, in the words that self-protection libraries use. */
export const RASP_SIGNALS = [
  'jailbreak',
  'root',
  'debugger',
  'hook',
  'emulator',
  'repackaged',
  'tampering',
  'unofficial_store',
  'developer_mode',
] as const;
export type RaspSignal = (typeof RASP_SIGNALS)[number];
