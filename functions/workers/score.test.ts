import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { memoryDocuments } from '../../test/doubles/memory/documents.ts';
import { STORY_START, tell } from '../../test/fraud/story.ts';
import { createRandom } from '../../test/support/random.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import type { EventPublisher, TopicName } from '../cloud/event-publisher.ts';
import { activeBlock } from '../fraud/blocklist.ts';
import { decisionSchema } from '../fraud/decisions.ts';
import { DEFAULT_RULES } from '../fraud/default-rules.ts';
import { eventMessage } from '../fraud/event-message.ts';
import type { EventInput, FraudEvent } from '../fraud/events.ts';
import { type RuleSet, ruleSetSchema } from '../fraud/rules.ts';
import { DAY_MS } from '../time.ts';
import { createScoreHandler, type ScoreDependencies } from './score.ts';

const now = new Date(STORY_START + 2 * DAY_MS);

/** Rules so touchy, and a memory so short, that sixty events set off and forget everything. */
const TOUCHY: RuleSet = ruleSetSchema.parse({
  ...DEFAULT_RULES,
  rules: DEFAULT_RULES.rules.map((rule) =>
    rule.id === 'budget-hammered' ? { ...rule, allowance: 0, weight: 20 } : rule,
  ),
  thresholds: {
    ...DEFAULT_RULES.thresholds,
    block: { points: 60, holdSeconds: [7200, 86_400], delaySeconds: 0 },
  },
  memory: { occurrencesPerHour: 3, membersPerDay: 4 },
});

function harness(
  book: Pick<ScoreDependencies, 'rules' | 'shadowRules'> = { rules: DEFAULT_RULES },
) {
  const documents = memoryDocuments();
  const published: { topic: TopicName; data: unknown }[] = [];
  const publisher: EventPublisher = {
    publish: async (topic, data) => {
      published.push({ topic, data });
    },
  };
  const handle = createScoreHandler({
    documents,
    publisher,
    ...book,
    now: () => now,
    log: () => undefined,
  });
  const deliver = (data: unknown) => handle({ id: '1', type: 't', source: 's', data });
  return { documents, published, deliver };
}

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');
const pushed = (message: unknown) => ({ message: { data: encoded(message), messageId: '7' } });
const push = (event: FraudEvent) => pushed(eventMessage(event));

/** Takes what the budget gives, and asks on so many times. */
function hoarding(asks = 40, who: Pick<EventInput, 'user' | 'device'> = {}) {
  const story = tell();
  for (let n = 0; n < 8; n += 1) {
    const attributes = { fresh: true };
    story.server(n * 30, { type: 'grant.made', model: `m${n}`, attributes, ...who });
  }
  for (let n = 0; n < asks; n += 1) {
    const attributes = { reason: 'new_models' };
    const asked = { model: `m${8 + n}`, cause: 'quota_exceeded', attributes };
    story.server(300 + n * 10, { type: 'limit.hit', ...asked, ...who });
  }
  return story;
}

async function stateOf(documents: DocumentStore) {
  const all = await Promise.all(
    ['risk', 'blocklist', 'breakers'].map((collection) =>
      documents.query({ collection, limit: 1000 }),
    ),
  );
  // The ids under which decisions were published depend on what was known at the time.
  return all
    .flat()
    .map(({ path, data: { announced: _, shadowAnnounced: __, heldBackAs: ___, ...rest } }) => ({
      path,
      data: rest,
    }));
}

describe('a hoarder', () => {
  it('is blocked, with reasons, once the time of the breaker is over', async () => {
    const { documents, published, deliver } = harness();
    for (const event of hoarding().events) await deliver(push(event));
    const data = await documents.get('blocklist/user_k1_alice');
    const { delaySeconds } = DEFAULT_RULES.thresholds.block;
    const decidedAt = published
      .map(({ data }) => decisionSchema.parse(data))
      .find(({ measure }) => measure === 'block');
    const since = Date.parse(decidedAt?.since ?? '');
    expect(activeBlock(data, new Date(since + delaySeconds * 1000 - 1))).toBeUndefined();
    const block = activeBlock(data, new Date(since + delaySeconds * 1000));
    expect(block).toMatchObject({ by: 'rules', escalation: 1, reason: 'budget-hammered' });
    expect(block?.until).toEqual(new Date(since + (delaySeconds + 6 * 3600) * 1000));
    expect(decidedAt).toMatchObject({ kind: 'user', id: 'k1_alice', shadow: false });
    expect(decidedAt?.causes[0]).toMatchObject({ rule: 'budget-hammered' });
  });

  it('casts no shadow on the devices it used', async () => {
    const { documents, deliver } = harness();
    for (const event of hoarding().events) await deliver(push(event));
    expect(await documents.get('blocklist/device_d_phone')).toBeUndefined();
  });

  it('keeps a longer block that an operator set', async () => {
    const { documents, deliver } = harness();
    const until = new Date(STORY_START + 90 * DAY_MS);
    await documents.set('blocklist/user_k1_alice', {
      until,
      reason: 'court order',
      rules: [],
      escalation: 0,
      createdAt: now,
      by: 'operator:bob',
    });
    for (const event of hoarding().events) await deliver(push(event));
    expect(activeBlock(await documents.get('blocklist/user_k1_alice'), now)).toMatchObject({
      until,
      by: 'operator:bob',
    });
  });
});

it('leaves a normal user without a trace in the blocklist', async () => {
  const { documents, published, deliver } = harness();
  for (const event of hoarding(4).events) await deliver(push(event));
  expect(await documents.query({ collection: 'blocklist', limit: 10 })).toEqual([]);
  expect(published).toEqual([]);
});

it('counts nothing against names that were not proven', async () => {
  const { documents, deliver } = harness();
  for (let n = 0; n < 50; n += 1) {
    const story = tell();
    await deliver(push(story.server(n, { type: 'challenge.replayed', authenticated: 'none' })));
    await deliver(push(story.server(n, { type: 'challenge.replayed', authenticated: 'user' })));
  }
  expect(await documents.get('risk/device_d_phone')).toBeUndefined();
  expect(await documents.get('risk/user_k1_alice')).toBeDefined();
});

describe('rules under trial', () => {
  it('decide beside the others, and nothing follows', async () => {
    const { documents, published, deliver } = harness({
      rules: DEFAULT_RULES,
      shadowRules: { ...TOUCHY, version: 'trial' },
    });
    for (const event of hoarding(4).events) await deliver(push(event));
    const blocks = published
      .map(({ data }) => decisionSchema.parse(data))
      .filter(({ measure }) => measure === 'block');
    expect(blocks).toMatchObject([{ kind: 'user', shadow: true, rules: 'trial' }]);
    const soon = new Date(STORY_START + 300_000);
    expect(activeBlock(await documents.get('blocklist/user_k1_alice'), soon)).toBeUndefined();
  });
});

it('publishes a decision again when its event comes again', async () => {
  const { published, deliver } = harness();
  const decisions = () => published.map(({ data }) => decisionSchema.parse(data));
  const blocks = () => decisions().filter(({ measure }) => measure === 'block');
  let last: FraudEvent | undefined;
  for (const event of hoarding().events) {
    if (blocks().length === 0) last = event;
    await deliver(push(event));
  }
  await deliver(push(last as FraudEvent));
  expect(blocks()).toHaveLength(2);
  expect(new Set(blocks().map(({ decisionId }) => decisionId)).size).toBe(1);
});

it('keeps the id of a decision that an older event moves', async () => {
  const { published, deliver } = harness();
  const { events } = hoarding();
  const late = events.at(10) as FraudEvent;
  for (const event of events) if (event !== late) await deliver(push(event));
  await deliver(push(late));
  const blocks = published
    .map(({ data }) => decisionSchema.parse(data))
    .filter(({ measure }) => measure === 'block');
  expect(new Set(blocks.map(({ since }) => since)).size).toBe(2);
  expect(new Set(blocks.map(({ decisionId }) => decisionId)).size).toBe(1);
});

it('keeps the id of what was held back and an older event moves', async () => {
  const { published, deliver } = harness();
  const first = hoarding(40, { user: 'k1_a', device: 'd_a' }).events;
  const { events } = hoarding(40, { user: 'k1_b', device: 'd_b' });
  const late = events.at(10) as FraudEvent;
  for (const event of [...first, ...events]) if (event !== late) await deliver(push(event));
  await deliver(push(late));
  const blocks = published
    .map(({ data }) => decisionSchema.parse(data))
    .filter(({ id, heldBack, until, since }) => id === 'k1_b' && heldBack && until > since);
  const byId = Map.groupBy(blocks, ({ decisionId }) => decisionId.split(':')[2]);
  expect([...byId.keys()]).toContain('block');
  for (const same of byId.values()) {
    expect(new Set(same.map(({ since }) => since)).size).toBeGreaterThan(1);
    expect(new Set(same.map(({ decisionId }) => decisionId)).size).toBe(1);
  }
});

it('scores an event although the record of a model in a rollout cannot be read, and is not told it again', async () => {
  const { documents, deliver } = harness();
  await documents.set('models/broken', { rollingOut: true });
  const opened = { ...tell().client(0, 'model.opened', { model: 'm0' }), grant: 'g_0' };
  await deliver(push(opened));
  const risks = await documents.query({ collection: 'risk', limit: 10 });
  expect(risks.length).toBeGreaterThan(0);
});

describe('poison', () => {
  const good = hoarding().events[0] as FraudEvent;
  it.each([
    ['not_a_message', undefined],
    ['not_a_message', { message: {} }],
    ['not_json', { message: { data: '' } }],
    ['not_json', { message: { data: Buffer.from([0xff, 0xfe]).toString('base64') } }],
    ['not_an_event', pushed([])],
    ['not_an_event', pushed(good)],
    ['not_an_event', push({ ...good, user: '../x' })],
    ['from_the_future', push({ ...good, receivedAt: '2027-01-01T00:00:00.000Z' })],
  ])('goes to the dead letters: %s', async (cause, data) => {
    const { documents, published, deliver } = harness();
    await deliver(data);
    expect(published).toMatchObject([{ topic: 'dead-letters', data: { cause, messageId: '1' } }]);
    expect(await stateOf(documents)).toEqual([]);
  });

  it('is never lost: where the dead letters are closed, it comes again', async () => {
    const handle = createScoreHandler({
      documents: memoryDocuments(),
      publisher: { publish: () => Promise.reject(new Error('closed')) },
      rules: DEFAULT_RULES,
      now: () => now,
      log: () => undefined,
    });
    await expect(handle({ id: '1', type: 't', source: 's', data: 1 })).rejects.toThrow('closed');
  });
});

describe.each([
  ['the rules in force', { rules: DEFAULT_RULES }],
  ['touchy rules', { rules: TOUCHY }],
  ['rules under trial', { rules: DEFAULT_RULES, shadowRules: TOUCHY }],
])('under %s', (_, book) => {
  const happening = fc.record({
    seconds: fc.integer({ min: 0, max: 90_000 }),
    kind: fc.constantFrom('grant', 'grant', 'ask', 'ask', 'ask', 'replay', 'hook', 'open', 'check'),
    appVersion: fc.constantFrom('1.0', '1.1'),
    model: fc.integer({ min: 0, max: 25 }).map((n) => `m${n}`),
    user: fc.constantFrom('k1_a', 'k1_b', 'k1_c'),
    device: fc.constantFrom('d_a', 'd_b'),
  });
  const noise = fc.constantFrom<unknown>(
    undefined,
    { message: { data: '!' } },
    pushed({ type: 1 }),
  );

  it('comes to the same state whatever the order, repetition, concurrency and noise', async () => {
    let blocks = 0;
    let heldBack = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(happening, { minLength: 1, maxLength: 80 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        fc.array(noise, { maxLength: 5 }),
        fc.nat(),
        // The breaker trips on the second, who takes the first with him.
        fc.boolean(),
        async (happenings, repeats, noises, seed, second) => {
          const others = second ? hoarding(35, { user: 'k1_a', device: 'd_a' }).events : [];
          const messages = [...hoarding(35).events, ...others, ...eventsOf(happenings)].map(push);
          const clean = harness(book);
          for (const message of messages) await clean.deliver(message);
          const expected = await stateOf(clean.documents);
          blocks += JSON.stringify(expected).split('"block":').length - 1;
          heldBack += JSON.stringify(expected).split('"heldBack":true').length - 1;

          const again = repeats.map((index) => messages[index % messages.length]);
          const disturbed = createRandom(seed).shuffled([...messages, ...again, ...noises]);
          const other = harness(book);
          while (disturbed.length > 0) {
            await Promise.all(disturbed.splice(0, 3).map(other.deliver));
          }
          expect(await stateOf(other.documents)).toEqual(expected);
        },
      ),
      { numRuns: 25 },
    );
    expect(blocks).toBeGreaterThan(0);
    expect(heldBack).toBeGreaterThan(0);
  });
});

interface Happening {
  readonly seconds: number;
  readonly kind: string;
  readonly model: string;
  readonly user: string;
  readonly device: string;
  readonly appVersion: string;
}

function eventsOf(happenings: readonly Happening[]): readonly FraudEvent[] {
  const story = tell();
  for (const { seconds, kind, model, ...who } of happenings) {
    switch (kind) {
      case 'grant':
        story.server(seconds, { type: 'grant.made', model, ...who });
        break;
      case 'replay':
        story.server(seconds, { type: 'challenge.replayed', ...who });
        break;
      case 'ask': {
        // Several, or nobody but the hoarder would ever be blocked.
        const attributes = { reason: 'new_models' };
        for (let n = 0; n < 4; n += 1) {
          const asked = { model: `${model}${n}`, cause: 'quota_exceeded', attributes };
          story.server(seconds + n, { type: 'limit.hit', ...asked, ...who });
        }
        break;
      }
      case 'hook':
        story.client(seconds, 'rasp.signal', { cause: 'hook', ...who });
        break;
      case 'open':
        story.client(seconds, 'model.opened', { model, ...who });
        break;
      default:
        story.client(seconds, 'rasp.checked', who);
    }
  }
  return story.events;
}
