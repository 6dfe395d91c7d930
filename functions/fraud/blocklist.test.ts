import { describe, expect, it } from '@jest/globals';
import { DocumentInvalidError } from '../cloud/document-kind.ts';
import {
  activeBlock,
  activeRestrictions,
  BLOCK_MEMORY_MS,
  type Block,
  restrictionsDocument,
  restrictionsOf,
  wasBlockedLately,
} from './blocklist.ts';

const now = new Date('2026-11-24T10:00:00Z');
const later = new Date('2026-11-24T12:00:00Z');
const subject = { kind: 'user', id: 'k1_alice' } as const;
const block: Block = {
  until: later,
  reason: 'models-hour',
  rules: ['models-hour'],
  escalation: 1,
  createdAt: now,
  by: 'rules',
};

describe('activeBlock', () => {
  it('applies until its end, whether or not the document was deleted in time', () => {
    const data = restrictionsDocument(subject, { block });
    expect(activeBlock(data, now)).toEqual(block);
    expect(activeBlock(data, later)).toBeUndefined();
    expect(activeBlock(undefined, now)).toBeUndefined();
  });

  it('yields to an exception, unless an operator made it', () => {
    const excepted = restrictionsDocument(subject, { block, allowedUntil: later });
    expect(activeBlock(excepted, now)).toBeUndefined();
    const operators = { ...block, by: 'operator:bob' } as const;
    const insisted = restrictionsDocument(subject, { block: operators, allowedUntil: later });
    expect(activeBlock(insisted, now)).toEqual(operators);
  });

  it.each([
    { until: 'tomorrow' },
    { until: later, by: 7 },
    { until: new Date(Number.NaN) },
    { until: later, rules: 'models-hour' },
  ])('refuses a document that it cannot read: %j', (data) => {
    expect(() => activeBlock(data, now)).toThrow(DocumentInvalidError);
  });
});

describe('restrictions', () => {
  const all = {
    block,
    throttledUntil: later,
    stepUp: { since: now, until: later },
    allowedUntil: new Date('2026-11-24T09:00:00Z'),
  };

  it('survive the way through a document', () => {
    expect(restrictionsOf(restrictionsDocument(subject, all))).toEqual(all);
    expect(restrictionsOf(restrictionsDocument(subject, {}))).toEqual({});
  });

  it('end each at its own time', () => {
    const data = restrictionsDocument(subject, { ...all, throttledUntil: now });
    expect(activeRestrictions(data, now)).toEqual({ block, stepUp: all.stepUp });
    expect(activeRestrictions(data, later)).toEqual({});
    // A block is remembered for a while after its end.
    expect(data['expireAt']).toEqual(new Date(later.getTime() + BLOCK_MEMORY_MS));
  });

  it('are remembered where a further block was decided and has not begun', () => {
    const before = restrictionsDocument(subject, { block: { ...block, createdAt: later } });
    expect(wasBlockedLately(before, now)).toBe(false);
    const second = { ...block, createdAt: later, escalation: 2 };
    expect(wasBlockedLately(restrictionsDocument(subject, { block: second }), now)).toBe(true);
  });
});
