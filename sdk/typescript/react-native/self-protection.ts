/**
 * What self-protection modules notice, as events. Nothing here blocks the app: the device reports,
 * and the server's rules decide, since a report can be a false alarm and its absence a lie.
 */
import type { RaspSignal } from '../../../functions/protocol/event-schema.ts';
import type { ClientEvent } from '../events.ts';

/** Where events go: `(event) => models.observe(event)`. */
export type Observe = (event: ClientEvent) => void;

/** What is used of the module `freerasp-react-native`, version 5, once its check has been started. */
export interface FreeRasp {
  setThreatListeners(actions: Partial<Record<FreeRaspThreat, () => void>>): Promise<void>;
  setRaspExecutionStateListener(actions: { allChecksFinished(): void }): Promise<void>;
}

type FreeRaspThreat =
  | 'privilegedAccess'
  | 'debug'
  | 'simulator'
  | 'appIntegrity'
  | 'unofficialStore'
  | 'hooks'
  | 'devMode'
  | 'adbEnabled'
  | 'automation'
  | 'bootloader'
  | 'deviceBinding'
  | 'timeSpoofing';

/** Its other threats (screenshots, VPN, passcode, Wi-Fi) say nothing of who steals models. */
const FREE_RASP_SIGNALS: Readonly<Partial<Record<FreeRaspThreat, RaspSignal>>> = {
  debug: 'debugger',
  simulator: 'emulator',
  appIntegrity: 'repackaged',
  unofficialStore: 'unofficial_store',
  hooks: 'hook',
  devMode: 'developer_mode',
  adbEnabled: 'developer_mode',
  automation: 'tampering',
  bootloader: 'tampering',
  deviceBinding: 'tampering',
};

/** Reports freeRASP's findings as they come, each once a start, and that its checks have run. */
export async function observeFreeRasp(
  rasp: FreeRasp,
  platform: 'ios' | 'android',
  observe: Observe,
): Promise<void> {
  const seen = new Set<string>();
  const once = (event: ClientEvent) => () => {
    const key = `${event.type} ${event.cause}`;
    if (!seen.has(key)) observe(event);
    seen.add(key);
  };
  const signals = Object.entries(FREE_RASP_SIGNALS).map(
    ([threat, cause]) => [threat, once({ type: 'rasp.signal', cause })] as const,
  );
  const cause: RaspSignal = platform === 'ios' ? 'jailbreak' : 'root';
  await rasp.setRaspExecutionStateListener({ allChecksFinished: once({ type: 'rasp.checked' }) });
  await rasp.setThreatListeners({
    ...Object.fromEntries(signals),
    privilegedAccess: once({ type: 'rasp.signal', cause }),
    timeSpoofing: once({ type: 'clock.moved' }),
  });
}

/** What is used of the module `jail-monkey`, version 3. */
export interface JailMonkey {
  isJailBroken(): boolean;
  hookDetected(): boolean;
  isDebuggedMode(): Promise<boolean>;
  isDevelopmentSettingsMode(): Promise<boolean>;
  AdbEnabled(): boolean;
}

/** Reports what JailMonkey finds now, and that it has looked: call it at each start of the app. */
export async function observeJailMonkey(
  monkey: JailMonkey,
  platform: 'ios' | 'android',
  observe: Observe,
): Promise<void> {
  const onAndroid = platform === 'android';
  const found: readonly (readonly [RaspSignal, boolean])[] = [
    [onAndroid ? 'root' : 'jailbreak', monkey.isJailBroken()],
    ['hook', monkey.hookDetected()],
    ['debugger', await monkey.isDebuggedMode()],
    [
      'developer_mode',
      onAndroid && (monkey.AdbEnabled() || (await monkey.isDevelopmentSettingsMode())),
    ],
  ];
  for (const [cause, is] of found) if (is) observe({ type: 'rasp.signal', cause });
  observe({ type: 'rasp.checked' });
}
