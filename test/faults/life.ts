/** What goes on in a system while its faults happen, and what breaks a promise at once. */

import { setTimeout as pause } from 'node:timers/promises';
import { restrictionsDocument } from '../../functions/fraud/blocklist.ts';
import { blockPath } from '../../functions/fraud/subjects.ts';
import { SealError } from '../../functions/protocol/errors.ts';
import { DAY_MS } from '../../functions/time.ts';
import { ApiError } from '../../sdk/typescript/api/api-error.ts';
import { createRandom, type Random } from '../support/random.ts';
import { createPhone, type Phone } from './phone.ts';
import type { Schedule, Step } from './schedule.ts';
import type { System } from './system.ts';

export const MODEL_ID = 'effect';
/** As many as try to use one challenge. */
const AT_ONCE = 50;

/** What was seen to break a promise, in words. */
export type Violations = string[];

export interface Life {
  readonly phones: readonly Phone[];
  /** By version. */
  readonly models: ReadonlyMap<string, Uint8Array>;
  readonly violations: Violations;
}

export async function live(system: System, schedule: Schedule): Promise<Life> {
  const violations: Violations = [];
  const random = createRandom(schedule.seed);
  const models = new Map([
    ['1.0.0', modelFile(random, schedule.weightRows)],
    ['2.0.0', modelFile(random, schedule.weightRows)],
  ]);
  const publish = (version: string) =>
    system.deposit(
      `${MODEL_ID}/${version}/model.safetensors`,
      models.get(version) ?? new Uint8Array(1),
    );
  await publish('1.0.0');
  await system.idle();

  const phones = await Promise.all(
    schedule.phones.map((_, index) =>
      createPhone(system, `user-${index}`, index % 2 === 0 ? 'iphone' : 'pixel'),
    ),
  );
  let steps = 0;
  let blocked = false;
  const work = async (phone: Phone, todo: readonly Step[], isFirst: boolean) => {
    for (const step of todo) {
      if (schedule.restMs > 0) await pause(2 * schedule.restMs * random.next());
      steps += 1;
      if (steps === 3) await publish('2.0.0');
      if (isFirst && steps > (schedule.blockAfter ?? Number.POSITIVE_INFINITY)) {
        await block(system, phone.user);
        blocked = true;
      }
      const isBlocked = isFirst && blocked;
      const before = isBlocked ? await grantsOf(system, phone.user) : 0;
      await attempt(violations, step, () => take(step, phone, { models, violations, isBlocked }));
      if (isBlocked && (await grantsOf(system, phone.user)) > before) {
        violations.push('a blocked user got a grant');
      }
      if (steps % 2 === 0) await sweep(system);
    }
  };
  await Promise.all(
    schedule.phones.map((todo, index) => work(phones[index] as Phone, todo, index === 0)),
  );
  if (schedule.burst) {
    const phone = await createPhone(system, 'user-burst', 'pixel');
    await attempt(violations, 'burst', () => useAtOnce(system, phone, violations));
  }
  return { phones, models, violations };
}

/** A safetensors file of one layer, 64 weights wide. */
function modelFile(random: Random, rows: number): Uint8Array {
  const size = rows * 64 * 4;
  const layer = { dtype: 'F32', shape: [rows, 64], data_offsets: [0, size] };
  const header = new TextEncoder().encode(JSON.stringify({ weights: layer }));
  const file = Buffer.alloc(8 + header.byteLength + size);
  file.writeBigUInt64LE(BigInt(header.byteLength));
  file.set(header, 8);
  file.set(random.bytes(size), 8 + header.byteLength);
  return new Uint8Array(file);
}

/** Runs what an app does; it may be refused, but only in ways that an app can understand. */
async function attempt(
  violations: Violations,
  what: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isUnderstood(error)) {
      violations.push(`${what} ended with ${error instanceof Error ? error.stack : error}`);
    }
  }
}

function isUnderstood(error: unknown): boolean {
  if (error instanceof ApiError) return !/^http_/.test(error.code);
  if (error instanceof SealError) return true;
  // A download that broke off more often than it is worth going on.
  return error instanceof TypeError && /fetch failed|terminated/.test(error.message);
}

async function take(
  step: Step,
  phone: Phone,
  life: {
    readonly models: ReadonlyMap<string, Uint8Array>;
    readonly violations: Violations;
    readonly isBlocked: boolean;
  },
): Promise<void> {
  switch (step) {
    case 'get':
      return get(phone, life.models, life.violations);
    case 'replay':
      return replay(phone, life.violations);
    case 'renew': {
      const [licence] = await phone.store.licences();
      if (!licence) return;
      const renewed = await phone.client.renew(licence.grantId, licence.sha256);
      if (life.isBlocked) life.violations.push('a blocked user got a licence renewed');
      return phone.store.renew(licence.grantId, renewed.licence, renewed.nonce);
    }
    case 'report':
      phone.models.observe({ type: 'app.started' });
      await phone.models.sendReports();
      return undefined;
    case 'enrol':
      await phone.client.enrol();
      return undefined;
    case 'expire':
      return expire(phone, life.violations);
  }
}

async function get(
  phone: Phone,
  models: ReadonlyMap<string, Uint8Array>,
  violations: Violations,
): Promise<void> {
  using model = await phone.models.get(MODEL_ID);
  const { manifest, licence } = model.tokens;
  const original = models.get(manifest.version);
  const isMarked = manifest.policy.tracing !== 'off';
  const same = await model.withModel((bytes) =>
    isMarked
      ? bytes.byteLength === original?.byteLength
      : original !== undefined && Buffer.from(bytes).equals(original),
  );
  if (!same) violations.push(`grant ${licence.grantId} opened to other bytes`);
}

/** One request, sent twice: by whoever recorded it. */
async function replay(phone: Phone, violations: Violations): Promise<void> {
  const { send } = await phone.recordedGrant(MODEL_ID);
  const answers = await Promise.allSettled([send(), send()]);
  if (answers.filter(({ status }) => status === 'fulfilled').length > 1) {
    violations.push('a challenge was used twice');
  }
}

async function useAtOnce(system: System, phone: Phone, violations: Violations): Promise<void> {
  const { send } = await phone.recordedGrant(MODEL_ID);
  await Promise.allSettled(Array.from({ length: AT_ONCE }, send));
  const grants = await grantsOf(system, phone.user);
  if (grants > 1) violations.push(`one challenge made ${grants} grants`);
}

/** Ahead of its licences, and back: what the phone holds opens at neither time. */
async function expire(phone: Phone, violations: Violations): Promise<void> {
  const [grantId] = await phone.store.list();
  if (!grantId) return;
  phone.clock.aheadMs = 60 * DAY_MS;
  try {
    using model = await phone.store.open(grantId, phone.now());
    violations.push(`${model.tokens.licence.grantId} opened after its licence`);
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
  } finally {
    phone.clock.aheadMs = 0;
  }
  if ((await phone.store.list()).includes(grantId)) violations.push('an expired copy is left');
}

async function grantsOf(system: System, user: string): Promise<number> {
  const where = [['user', '==', system.userId(user)]] as const;
  return (await system.cloud.documents.query({ collection: 'grants', where, limit: 1000 })).length;
}

async function block(system: System, user: string): Promise<void> {
  const subject = { kind: 'user', id: system.userId(user) } as const;
  const document = restrictionsDocument(subject, {
    block: {
      until: new Date(Date.now() + DAY_MS),
      reason: 'drill',
      rules: [],
      escalation: 1,
      createdAt: new Date(),
      by: 'operator:faults',
    },
  });
  await system.cloud.documents.set(blockPath(subject), document);
}

/** As Cloud Scheduler does, which tries again a minute later. */
export async function sweep(system: System): Promise<number> {
  const answer = await fetch(`${system.baseUrl}/internal/sweep`, { method: 'POST' }).catch(
    () => undefined,
  );
  await answer?.arrayBuffer().catch(() => undefined);
  return answer?.status ?? 0;
}
