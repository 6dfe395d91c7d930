/** Events: blaming others, hiding, and making noise. */
import { eventMessage } from '../../functions/fraud/event-message.ts';
import type * as fraudEvents from '../../functions/fraud/events.ts';
import type { EventInput } from '../../functions/fraud/events.ts';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import type { Api, Lab } from './lab.ts';
import { clientData, post, proven, withPixel } from './requests.ts';

const EVENTS = 'functions/fraud/events.ts';
const SUBJECTS = 'functions/fraud/subjects.ts';
const REPORTABLE = "type: z.enum(typesOf('client') as [ClientEventType, ...ClientEventType[]]),";
const ANY_FUTURE = edit(
  'functions/workers/score.ts',
  'Date.parse(event.receivedAt) > now.getTime() + MAX_CLOCK_SKEW_MS',
  'false',
);

const reported = (changes: object = {}) => ({
  eventId: `0190b5a0-0000-7000-8000-${Math.random().toString(16).slice(2, 14).padEnd(12, '0')}`,
  type: 'rasp.signal',
  cause: 'hook',
  occurredAt: new Date().toISOString(),
  ...changes,
});

async function report(api: Api, events: readonly object[]): Promise<string> {
  const mallory = await withPixel(api, 'mallory');
  const data = await clientData(mallory, 'events', { events, held: [] });
  const outcome = await outcomeOf(post(api, '/v1/events', await proven(mallory, data)));
  await api.clients.publisher.idle();
  return outcome;
}

const refusedReport =
  (events: () => readonly object[]): Attack['run'] =>
  async (lab) =>
    report(await lab.api(), events());

/** Whether anything is held against this subject. */
const counts = async (api: Api, subject: string): Promise<string> => {
  await api.clients.publisher.idle();
  return (await api.clients.documents.get(`risk/${subject}`)) ? SUCCEEDED : 'not counted';
};

/** Twenty events of this kind, published as a function of ours would. */
async function publishEvents(lab: Lab, api: Api, input: EventInput): Promise<void> {
  const { newEvent } = await lab.load<typeof fraudEvents>(EVENTS);
  for (let i = 0; i < 20; i++) {
    const event = newEvent(input, new Date(), api.services.randomBytes(10));
    await api.clients.publisher.publish('events', eventMessage(event));
  }
}

export const events: readonly Attack[] = [
  {
    name: 'event/names-another-user',
    tries: 'a report that names another user as the one who was caught',
    refused: 'not counted',
    defence: 'who an event is about comes from the proof, never from the report',
    off: {
      edits: [
        edit(
          EVENTS,
          'export const clientEventSchema = z\n  .strictObject({',
          'export const clientEventSchema = z\n  .looseObject({',
        ),
        edit(
          EVENTS,
          '    ...origin,\n    eventId: reported.eventId,',
          '    ...origin, ...(reported as object),\n    eventId: reported.eventId,',
        ),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      await report(api, [reported({ user: api.userId('alice') })]);
      return counts(api, `user_${api.userId('alice')}`);
    },
  },
  {
    name: 'event/unproven-device',
    tries: 'requests that name another’s device without a proof, to have it blocked',
    refused: 'not counted',
    defence: 'a device that was only named counts against nobody',
    off: {
      edits: [
        edit(
          SUBJECTS,
          "event.device !== null && event.authenticated === 'device'",
          'event.device !== null',
        ),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      const device = `d_${'A'.repeat(22)}`;
      const user = api.userId('mallory');
      await publishEvents(lab, api, {
        type: 'challenge.replayed',
        authenticated: 'user',
        user,
        device,
      });
      return counts(api, `device_${device}`);
    },
  },
  {
    name: 'event/unauthenticated-user',
    tries: 'calls without a token that name a user, to raise his score',
    refused: 'not counted',
    defence: 'what nobody proved counts against nobody',
    off: { edits: [edit(SUBJECTS, "if (event.authenticated === 'none') return subjects;")] },
    async run(lab) {
      const api = await lab.api();
      const user = api.userId('alice');
      await publishEvents(lab, api, { type: 'challenge.replayed', authenticated: 'none', user });
      return counts(api, `user_${user}`);
    },
  },
  {
    name: 'event/server-type',
    tries: 'a report of something that only our functions observe',
    refused: '422 request_invalid',
    defence: 'apps report the types of apps',
    off: {
      edits: [
        edit(
          EVENTS,
          REPORTABLE,
          'type: z.enum(Object.keys(EVENT_TYPES) as [ClientEventType, ...ClientEventType[]]),',
        ),
      ],
    },
    run: refusedReport(() => [reported({ type: 'grant.made', cause: undefined })]),
  },
  {
    name: 'event/more-than-a-batch',
    tries: 'a hundred and one events in one report',
    refused: '422 request_invalid',
    defence: 'a batch has an end',
    off: { edits: [edit('functions/api/report.ts', '.max(MAX_EVENTS)')] },
    run: refusedReport(() => Array.from({ length: 101 }, () => reported())),
  },
  {
    name: 'event/from-the-year-9999',
    tries: 'a report of the year 9999, so that everything before it is forgotten',
    refused: 'counted now',
    defence: 'scoring goes by our clock',
    off: {
      edits: [
        edit(
          EVENTS,
          'receivedAt: now.toISOString(),\n  });\n}\n\n/** A UUID',
          'receivedAt: reported.occurredAt,\n  });\n}\n\n/** A UUID',
        ),
        ANY_FUTURE,
      ],
    },
    async run(lab) {
      const api = await lab.api();
      await report(api, [reported({ occurredAt: '9999-12-31T00:00:00.000Z' })]);
      const risk = await api.clients.documents.get(`risk/user_${api.userId('mallory')}`);
      return JSON.stringify(risk ?? {}).includes('9999-12') ? SUCCEEDED : 'counted now';
    },
  },
  {
    name: 'event/stamped-in-the-future',
    tries: 'a message stamped a year ahead, so that its score never fades',
    refused: 'not counted',
    defence: 'an event from the future is a dead letter',
    off: { edits: [ANY_FUTURE] },
    async run(lab) {
      const api = await lab.api();
      const { newEvent } = await lab.load<typeof fraudEvents>(EVENTS);
      const user = api.userId('alice');
      const input: EventInput = { type: 'challenge.replayed', authenticated: 'user', user };
      const ahead = new Date(Date.now() + 365 * 86_400_000);
      const event = newEvent(input, ahead, api.services.randomBytes(10));
      await api.clients.publisher.publish('events', eventMessage(event));
      return counts(api, `user_${user}`);
    },
  },
  {
    name: 'event/holds-others-grants',
    tries: 'grant ids of others as held copies, to learn which of them exist',
    refused: 'all answered alike',
    defence: 'a copy that is not this device’s is to be erased, whether it exists or not',
    off: {
      edits: [
        edit(
          'functions/grants/revocation-notice.ts',
          'return !own || grant.state',
          'return !grant || grant.state',
        ),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      const grant = await api.phone('alice').grant('smile');
      const unknown = `g_${'A'.repeat(22)}`;
      const { erase } = await api.pixel('mallory').report([], [grant.grantId, unknown]);
      return erase.length === 2 ? 'all answered alike' : SUCCEEDED;
    },
  },
];
