import { expect, it } from '@jest/globals';
import { memoryDocuments } from '../../test/doubles/memory/documents.ts';
import { createMovedNames, movePath } from './pseudonym-moves.ts';

const name = `p1_${'a'.repeat(22)}`;
const next = `p2_${'b'.repeat(22)}`;

function following() {
  const documents = memoryDocuments();
  let at = Date.parse('2026-11-27');
  const read: string[] = [];
  const movedNames = createMovedNames(documents, () => new Date(at));
  const getAll = (paths: readonly string[]) => {
    read.push(...paths);
    return Promise.all(paths.map((path) => documents.get(path)));
  };
  const begin = () => documents.set(movePath('p1'), { to: 'p2', state: 'moving', expireAt: null });
  const move = (state: 'moving' | 'moved') =>
    documents.set(movePath(name), { to: next, state, expireAt: new Date(at) });
  return {
    ...{ read, begin, move, documents },
    later: (seconds: number) => {
      at += seconds * 1000;
    },
    ask: () => movedNames(getAll, [name, 'k1_other']),
  };
}

it('reads no name while none of its key is moved', async () => {
  const { ask, read } = following();
  expect(await ask()).toEqual([name, 'k1_other']);
  expect(read).toEqual([]);
});

it('follows a name within a minute of the beginning of a rotation, and waits while it is moved', async () => {
  const { ask, begin, move, later, read } = following();
  await ask();
  await begin();
  later(60);
  await move('moving');
  await expect(ask()).rejects.toMatchObject({ code: 'unavailable' });
  await move('moved');
  expect(await ask()).toEqual([next, 'k1_other']);
  expect(read).not.toContain(movePath('k1_other'));
});

it('takes what it cannot read for no answer', async () => {
  const { documents } = following();
  const broken = { ...documents, get: () => Promise.reject(new Error('down')) };
  const movedNames = createMovedNames(broken, () => new Date(0));
  await expect(movedNames(async () => [], [name])).rejects.toThrow('down');
});
