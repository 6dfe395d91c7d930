/** What rules would give to the devices that enrolled last, by what the service knows of these. */
import { readEach } from '../cloud/document-kind.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import { deviceIdFrom, readDevice } from '../identity/devices.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import { holds, offerFor, type RolloutDevice } from '../protocol/rollout.ts';
import type { Rule } from '../protocol/rollout-rules.ts';

/** Devices that a preview looks at, those that enrolled last. */
const SAMPLE = 1_000;

export interface RolloutPreview {
  /** How many were looked at, which are those that can be read. */
  readonly devices: number;
  /** How many would have each version. */
  readonly byVersion: Readonly<Record<string, number>>;
  /** Of each rule: how many meet its condition, and how many it would give its version to. */
  readonly byRule: readonly {
    readonly name: string;
    readonly meet: number;
    readonly get: number;
  }[];
}

/** The rules over the newest devices. Reads; changes nothing. */
export async function previewRollout(
  documents: Pick<DocumentStore, 'query'>,
  model: string,
  rules: readonly Rule[],
): Promise<RolloutPreview> {
  const found = await documents.query({
    collection: 'devices',
    orderBy: ['enrolledAt', 'desc'],
    limit: SAMPLE,
  });
  const { values: devices } = readEach(found, ({ path, data }): RolloutDevice => {
    const { platform, appVersion, traits } = readDevice(data);
    return { deviceId: deviceIdFrom(path), platform, appVersion, ...traits };
  });
  const byVersion: Record<string, number> = {};
  const gets = rules.map(() => 0);
  for (const device of devices) {
    const file = offerFor(nodeCrypto, { model, rules }, device);
    const version = file?.version ?? 'none';
    byVersion[version] = (byVersion[version] ?? 0) + 1;
    const index = rules.findIndex(({ variants }) => file && variants.includes(file));
    if (index >= 0) gets[index] = (gets[index] ?? 0) + 1;
  }
  const byRule = rules.map(({ name, when }, index) => ({
    name,
    meet: devices.filter((device) => holds(when, device)).length,
    get: gets[index] ?? 0,
  }));
  return { devices: devices.length, byVersion, byRule };
}
