import { expect, it } from '@jest/globals';
import { textOf } from './rows.ts';

const rows = [
  { name: 'a,"b"', count: 3, nothing: null },
  { name: 'c', count: 12, nothing: null },
];

it('writes rows for people, spreadsheets and programs', () => {
  expect(textOf(rows, 'csv')).toBe('name,count,nothing\r\n"a,""b""",3,\r\nc,12,\r\n');
  expect(JSON.parse(textOf(rows, 'json'))).toEqual(rows);
  const [head, , first] = textOf(rows, 'table').split('\n');
  expect(head).toBe('name   count  nothing');
  expect(first).toBe('a,"b"      3');
});

it('says so where there are none', () => {
  expect(textOf([], 'table')).toBe('no rows\n');
  expect(textOf([], 'json')).toBe('[]\n');
});
