import { describe, expect, it } from '@jest/globals';
import { compareVersions, requireCurrentApp } from './app-version.ts';

describe('compareVersions', () => {
  it.each([
    ['1.0.0', '1.0.0', 0],
    ['1.0', '1.0.0', 0],
    ['1.10', '1.9', 1],
    ['2', '10', -1],
    ['1.2.3-beta', '1.2.3', 0],
    ['junk', '1', -1],
  ])('%s against %s is %d', (a, b, expected) => {
    expect(compareVersions(a, b)).toBe(expected);
  });
});

describe('requireCurrentApp', () => {
  it('tells an old app to update', () => {
    const app = { minAppVersion: '2.1' };
    expect(() => requireCurrentApp(app, '2.1.0')).not.toThrow();
    expect(() => requireCurrentApp(app, '2.0.9')).toThrow(
      expect.objectContaining({ code: 'app_outdated' }),
    );
    expect(() => requireCurrentApp({}, '0.1')).not.toThrow();
  });
});
