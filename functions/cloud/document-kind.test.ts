import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { DocumentInvalidError, documentKind } from './document-kind.ts';
import { getNamed } from './documents.ts';

describe('documentKind', () => {
  const read = documentKind('secret', z.object({ word: z.string(), at: z.date().nullable() }));

  it('reads what matches the schema', () => {
    expect(read({ word: 'a', at: null, more: 1 })).toEqual({ word: 'a', at: null });
  });

  it('refuses the rest, and names members but no value', () => {
    const error = caught(() => read({ word: 12345, at: 'hunter2' }));
    expect(error).toBeInstanceOf(DocumentInvalidError);
    expect(error).toMatchObject({ code: 'document_invalid', kind: 'secret' });
    expect(String(error)).toContain('word, at');
    expect(String(error)).not.toMatch(/12345|hunter2/);
  });
});

describe('getNamed', () => {
  it('reads all in one round trip and gives them back by name', async () => {
    const asked: (readonly string[])[] = [];
    const tx = {
      async getAll(paths: readonly string[]) {
        asked.push(paths);
        return paths.map((path) => (path.startsWith('none') ? undefined : { path }));
      },
    };
    const found = await getNamed(tx, {
      one: 'a/1',
      absent: 'none/1',
      list: ['b/1', 'none/2', 'b/2'],
      empty: [],
      inner: { one: 'c/1', list: ['c/2'] },
    });
    expect(asked).toEqual([['a/1', 'none/1', 'b/1', 'none/2', 'b/2', 'c/1', 'c/2']]);
    expect(found).toEqual({
      one: { path: 'a/1' },
      absent: undefined,
      list: [{ path: 'b/1' }, undefined, { path: 'b/2' }],
      empty: [],
      inner: { one: { path: 'c/1' }, list: [{ path: 'c/2' }] },
    });
  });
});

function caught(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
