/** Carries out what erasure records order; runs may overlap, break off and be repeated. */
import type { DocumentData } from '../cloud/documents.ts';
import { describeError, type Log } from '../log.ts';
import { revokeSomeGrants } from './erase-grants.ts';
import { type ErasureServices, eraseUser } from './erase-user.ts';
import { type Erasure, LATE_EVENTS_MS, readErasure } from './erasure-record.ts';

const ORDERS_A_RUN = 20;
const STEPS_A_RUN = 40;
/** One that fails goes behind the others. */
const AGAIN_AFTER_MS = 300_000;

export interface ErasureRunServices extends ErasureServices {
  readonly log: Log;
}

export interface ErasuresRun {
  readonly completed: number;
  /** Will be gone on with. */
  readonly begun: number;
  readonly failed: number;
}

export async function runErasures(services: ErasureRunServices, now: Date): Promise<ErasuresRun> {
  const due = await services.documents.query({
    collection: 'erasures',
    where: [['dueAt', '<=', now]],
    orderBy: ['dueAt', 'asc'],
    limit: ORDERS_A_RUN,
  });
  const run = { completed: 0, begun: 0, failed: 0 };
  for (const { path, data } of due) {
    const update = (fields: Partial<Erasure>) =>
      services.documents.transaction(async (tx) => {
        // Somebody may have been forgotten together with this order, or has given a newer one.
        const [found] = await tx.getAll([path]);
        if (found && requestedAtOf(found) === requestedAtOf(data)) tx.update(path, fields);
      });
    try {
      const erasure = readErasure(data);
      const isDone = await carryOut(services, erasure, now);
      const lookAgainAt = new Date(erasure.requestedAt.getTime() + LATE_EVENTS_MS);
      if (!isDone) run.begun += 1;
      else if (erasure.kind === 'user' && now < lookAgainAt) {
        run.begun += 1;
        await update({ dueAt: lookAgainAt });
      } else {
        run.completed += 1;
        await update({ dueAt: null, completedAt: now, devices: [], networks: [] });
      }
    } catch (error) {
      run.failed += 1;
      services.log('ERROR', 'erasure failed', describeError(error));
      await update({ dueAt: new Date(now.getTime() + AGAIN_AFTER_MS) });
    }
  }
  return run;
}

/** As it is stored: a record that cannot be read must go behind the others, too. */
const requestedAtOf = ({ requestedAt }: DocumentData): number | undefined =>
  requestedAt instanceof Date ? requestedAt.getTime() : undefined;

/** True once nothing is left. */
async function carryOut(services: ErasureServices, { kind, id }: Erasure, now: Date) {
  for (let step = 0; step < STEPS_A_RUN; step += 1) {
    if (kind === 'user' && (await eraseUser(services, id, now))) return true;
    if (kind === 'device' && !(await revokeSomeGrants(services, id, now))) return true;
  }
  return false;
}
