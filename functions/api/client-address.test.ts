import { describe, expect, it } from '@jest/globals';
import { clientAddress } from './client-address.ts';

describe('clientAddress', () => {
  it.each([
    ['the entry that our proxy wrote', '203.0.113.7, 35.191.0.1', 2, '203.0.113.7'],
    [
      'not what the caller put before it',
      '198.51.100.1, 203.0.113.7, 35.191.0.1',
      2,
      '203.0.113.7',
    ],
    ['one hop', '203.0.113.7', 1, '203.0.113.7'],
    ['IPv6', '2001:db8::1, 35.191.0.1', 2, '2001:db8::1'],
    ['too few entries', '203.0.113.7', 2, null],
    ['no address', 'not an address, 35.191.0.1', 2, null],
    ['markup', '<script>, 35.191.0.1', 2, null],
  ])('takes %s', (_, header, position, expected) => {
    expect(clientAddress(header, '127.0.0.1', position)).toBe(expected);
  });

  it('falls back to the connection only where there is no header', () => {
    expect(clientAddress(undefined, '192.0.2.9', 2)).toBe('192.0.2.9');
    expect(clientAddress(['203.0.113.7', '35.191.0.1'], '192.0.2.9', 2)).toBe('203.0.113.7');
  });
});
