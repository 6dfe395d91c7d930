import { describe, expect, it } from '@jest/globals';
import { activeBlock, activeRestrictions } from '../../functions/fraud/blocklist.ts';
import { DEFAULT_RULES } from '../../functions/fraud/default-rules.ts';
import { eventMessage } from '../../functions/fraud/event-message.ts';
import type { FraudEvent } from '../../functions/fraud/events.ts';
import { subjectKey } from '../../functions/fraud/subjects.ts';
import { auditOf } from '../../functions/operators/audit.ts';
import { allow, block, explain, unblock } from '../../functions/operators/restrict.ts';
import { DAY_MS } from '../../functions/time.ts';
import { createScoreHandler } from '../../functions/workers/score.ts';
import { memoryDocuments } from '../../test/doubles/memory/documents.ts';
import { STORY_START, tell } from '../../test/fraud/story.ts';
import { replayDeadLetters } from './replay-dead-letters.ts';
import { compareRules } from './replay-rules.ts';
import { undo } from './undo.ts';

const alice = { kind: 'user', id: 'k1_alice' } as const;
const act = { by: 'bob', reason: 'ticket 7' };

function hoarding(asks = 40): readonly FraudEvent[] {
  const story = tell();
  for (let n = 0; n < asks; n += 1) {
    const attributes = { reason: 'new_models' };
    const asked = { model: `m${n}`, cause: 'quota_exceeded', attributes };
    story.server(n * 10, { type: 'limit.hit', ...asked });
  }
  return story.events;
}

function office() {
  const documents = memoryDocuments();
  let counter = 0;
  const now = () => new Date(STORY_START + 600_000);
  const randomBytes = (size: number) => {
    counter += 1;
    return new Uint8Array(size).fill(counter);
  };
  const score = createScoreHandler({
    documents,
    publisher: { publish: async () => undefined },
    rules: DEFAULT_RULES,
    now,
    log: () => undefined,
  });
  const happen = async (events: readonly FraudEvent[]) => {
    for (const event of events) {
      const data = {
        message: { data: Buffer.from(JSON.stringify(eventMessage(event))).toString('base64') },
      };
      await score({ id: '1', type: 't', source: 's', data });
    }
  };
  return { documents, now, randomBytes, happen };
}

describe('operators', () => {
  it('block, and every act is in the audit log', async () => {
    const services = office();
    await block(services, alice, 48, act);
    const found = activeBlock(
      await services.documents.get('blocklist/user_k1_alice'),
      services.now(),
    );
    expect(found).toMatchObject({ by: 'operator:bob', reason: 'ticket 7' });
    await unblock(services, alice, { by: 'eve', reason: 'mistake' });
    expect(await services.documents.get('blocklist/user_k1_alice')).toBeUndefined();
    expect(await auditOf(services, subjectKey(alice))).toMatchObject([
      { by: 'eve', action: 'unblock' },
      { by: 'bob', action: 'block', reason: 'ticket 7' },
    ]);
  });

  it('forgive what the rules held against a subject', async () => {
    const services = office();
    await services.happen(hoarding());
    expect(await services.documents.get('blocklist/user_k1_alice')).toBeDefined();
    await unblock(services, alice, act);
    expect(await services.documents.get('blocklist/user_k1_alice')).toBeUndefined();
    const { score, measures } = await explain(services, alice);
    expect({ score, measures }).toEqual({ score: 0, measures: [] });
    await services.happen(hoarding());
    expect(await services.documents.get('blocklist/user_k1_alice')).toBeUndefined();
  });

  it('except a subject from the rules for a time', async () => {
    const services = office();
    await allow(services, alice, 24, act);
    await services.happen(hoarding());
    const data = await services.documents.get('blocklist/user_k1_alice');
    expect(activeRestrictions(data, services.now())).toEqual({
      allowedUntil: new Date(STORY_START + 600_000 + DAY_MS),
    });
    const later = new Date(STORY_START + 600_000 + DAY_MS);
    expect(activeRestrictions(data, later).allowedUntil).toBeUndefined();
  });

  it('see the reasons in words', async () => {
    const services = office();
    await services.happen(hoarding());
    const explained = await explain(services, alice);
    expect(explained).toMatchObject({ subject: 'user_k1_alice', escalation: 1 });
    const last = explained.measures.at(-1);
    expect(last?.measure).toBe('block');
    expect(last?.causes[0]).toMatchObject({
      rule: 'budget-hammered',
      words:
        'Goes on asking for one new model after the other, although told that the budget is used up.',
    });
  });
});

describe('undo', () => {
  const order = { rule: 'budget-hammered', since: new Date(STORY_START - 1000) };

  it('tells whom a rule restricted, and changes nothing until told to', async () => {
    const services = office();
    await services.happen(hoarding());
    const before = await services.documents.get('blocklist/user_k1_alice');
    const told = await undo(services, { ...order, dryRun: true }, act);
    expect(told).toEqual({ subjects: ['user_k1_alice'], complete: true });
    expect(await services.documents.get('blocklist/user_k1_alice')).toEqual(before);
  });

  it('sets them free without any escalation, and leaves an entry', async () => {
    const services = office();
    await services.happen(hoarding());
    expect(await undo(services, { ...order, dryRun: false }, act)).toMatchObject({
      subjects: ['user_k1_alice'],
    });
    expect(await services.documents.get('blocklist/user_k1_alice')).toBeUndefined();
    expect(await explain(services, alice)).toMatchObject({ score: 0, escalation: 0 });
    expect(await auditOf(services, 'rule_budget-hammered')).toMatchObject([{ action: 'undo' }]);
    expect(await undo(services, { ...order, dryRun: true }, act)).toMatchObject({ subjects: [] });
  });

  it('leaves alone whom another rule restricted, or this one before', async () => {
    const services = office();
    await services.happen(hoarding());
    const other = { ...order, rule: 'counter-regressed', dryRun: true };
    expect(await undo(services, other, act)).toMatchObject({ subjects: [] });
    const later = { ...order, since: new Date(STORY_START + 86_400_000), dryRun: true };
    expect(await undo(services, later, act)).toMatchObject({ subjects: [] });
  });
});

describe('compareRules', () => {
  it('tells whom other rules would have blocked', () => {
    const lines = [...hoarding(24).map((event) => JSON.stringify(event)), 'no json', ''];
    const stricter = {
      ...DEFAULT_RULES,
      thresholds: {
        ...DEFAULT_RULES.thresholds,
        block: { points: 40, holdSeconds: [3600], delaySeconds: 0 },
      },
    } as typeof DEFAULT_RULES;
    const all = [new Date(0), new Date('2030-01-01')] as const;
    expect(compareRules(lines, ...all, DEFAULT_RULES, stricter)).toEqual({
      events: 24,
      skipped: 1,
      onlyNow: [],
      onlyThen: ['user_k1_alice'],
      both: [],
    });
    const nothing = [new Date(0), new Date(STORY_START)] as const;
    expect(compareRules(lines, ...nothing, DEFAULT_RULES, stricter)).toMatchObject({ events: 0 });
  });
});

describe('replayDeadLetters', () => {
  it('publishes what is sound by now and leaves the rest', async () => {
    const message = eventMessage(hoarding(1)[0] as FraudEvent);
    const base64 = Buffer.from(JSON.stringify(message)).toString('base64');
    const texts = [
      JSON.stringify({ cause: 'not_an_event', data: base64 }),
      JSON.stringify(message),
      JSON.stringify({ cause: 'not_json', data: '!' }),
      'x',
    ];
    const fates: string[] = [];
    const letters = async function* () {
      for (const data of texts) {
        yield { data, ack: () => fates.push('ack'), nack: () => fates.push('nack') };
      }
    };
    const published: unknown[] = [];
    const publisher = {
      publish: async (_: string, data: unknown) => {
        published.push(data);
      },
    };
    expect(await replayDeadLetters(letters(), publisher)).toEqual({ replayed: 2, stillPoison: 2 });
    expect(published).toEqual([message, message]);
    expect(fates).toEqual(['ack', 'ack', 'nack', 'nack']);
  });
});
