import { describe, expect, it } from '@jest/globals';
import { memoryDocuments } from '../../test/doubles/memory/documents.ts';
import { tell } from '../../test/fraud/story.ts';
import { createHandler } from '../workers/score.ts';
import { DEFAULT_RULES } from './default-rules.ts';
import { countsOfADay } from './event-counts.ts';
import { eventMessage } from './event-message.ts';
import { ruleSetSchema } from './rules.ts';
import { SHADOW_RULES, underTrial } from './shadow-rules.ts';

const [shadow] = SHADOW_RULES;

describe('rules under trial', () => {
  it('are sound together with those in force, and none of them is in force', () => {
    expect(ruleSetSchema.safeParse(underTrial(DEFAULT_RULES)).success).toBe(true);
    const ids = DEFAULT_RULES.rules.map(({ id }) => id);
    expect(SHADOW_RULES.filter(({ id }) => ids.includes(id))).toEqual([]);
    expect(underTrial(DEFAULT_RULES, [])).toBeUndefined();
  });

  it('run in a deployment and are counted, and restrict nobody', async () => {
    const documents = memoryDocuments();
    const decisions: { readonly shadow: boolean; readonly measure: string }[] = [];
    const story = tell();
    let now = new Date();
    const handle = createHandler({
      documents,
      publisher: { publish: async (_, data) => void decisions.push(data as never) },
      now: () => now,
      log: () => undefined,
      config: { blockDelaySeconds: 0 },
    });
    // More than a person looks at within an hour, and less than the rule in force minds within a day.
    for (let n = 0; n < 14; n += 1) {
      const attributes = { reason: 'new_models' };
      const event = story.server(n * 10, { type: 'limit.hit', model: `m${n}`, attributes });
      now = new Date(event.receivedAt);
      const message = { data: Buffer.from(JSON.stringify(eventMessage(event))).toString('base64') };
      await handle({ id: String(n), type: '', source: '', data: { message } });
    }
    now = new Date(now.getTime() + 10_000);
    const last = story.server(150, { type: 'object.swept' });
    const message = { data: Buffer.from(JSON.stringify(eventMessage(last))).toString('base64') };
    await handle({ id: 'last', type: '', source: '', data: { message } });
    expect(decisions.map(({ measure, shadow }) => `${measure} ${shadow}`)).toEqual(['watch true']);
    expect((await countsOfADay(documents, now)).rules).toEqual(
      new Map([[`shadow ${shadow?.id}`, 1]]),
    );
    expect(await documents.query({ collection: 'blocklist', limit: 9 })).toEqual([]);
  });
});
