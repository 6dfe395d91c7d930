import { describe, expect, it } from '@jest/globals';
import { RASP_SIGNALS } from '../../../functions/protocol/event-schema.ts';
import type { ClientEvent } from '../events.ts';
import { type FreeRasp, observeFreeRasp, observeJailMonkey } from './self-protection.ts';

function observed() {
  const events: ClientEvent[] = [];
  return { events, observe: (event: ClientEvent) => void events.push(event) };
}
const causes = (events: readonly ClientEvent[]) => events.map(({ type, cause }) => cause ?? type);

describe('observeFreeRasp', () => {
  async function start(platform: 'ios' | 'android') {
    const { events, observe } = observed();
    let threats: Parameters<FreeRasp['setThreatListeners']>[0] = {};
    let finished = () => {};
    const rasp: FreeRasp = {
      async setThreatListeners(actions) {
        threats = actions;
      },
      async setRaspExecutionStateListener(actions) {
        finished = actions.allChecksFinished;
      },
    };
    await observeFreeRasp(rasp, platform, observe);
    return { events, threats, finished };
  }

  it('reports each threat in the words of the event catalogue, once', async () => {
    const { events, threats, finished } = await start('android');
    for (const notice of [...Object.values(threats), ...Object.values(threats), finished])
      notice?.();
    const signals = events.filter(({ type }) => type === 'rasp.signal').map(({ cause }) => cause);
    expect(signals.every((cause) => RASP_SIGNALS.some((known) => known === cause))).toBe(true);
    expect(new Set(signals).size).toBe(signals.length);
    expect(causes(events)).toEqual(
      expect.arrayContaining(['root', 'hook', 'debugger', 'emulator', 'repackaged', 'clock.moved']),
    );
    expect(events.filter(({ type }) => type === 'rasp.checked')).toHaveLength(1);
  });

  it('calls privileged access on iOS a jailbreak', async () => {
    const { events, threats } = await start('ios');
    threats.privilegedAccess?.();
    expect(causes(events)).toEqual(['jailbreak']);
  });
});

describe('observeJailMonkey', () => {
  const clean = {
    isJailBroken: () => false,
    hookDetected: () => false,
    isDebuggedMode: async () => false,
    isDevelopmentSettingsMode: async () => false,
    AdbEnabled: () => false,
  };

  it('tells of a clean phone that it was looked at', async () => {
    const { events, observe } = observed();
    await observeJailMonkey(clean, 'ios', observe);
    expect(causes(events)).toEqual(['rasp.checked']);
  });

  it('tells what it finds', async () => {
    const { events, observe } = observed();
    const bad = {
      ...clean,
      isJailBroken: () => true,
      hookDetected: () => true,
      AdbEnabled: () => true,
    };
    await observeJailMonkey(bad, 'android', observe);
    expect(causes(events)).toEqual(['root', 'hook', 'developer_mode', 'rasp.checked']);
  });
});
