import type { CloudClients } from '../../functions/services.ts';
import { checkInvariants } from './invariants.ts';
import { live } from './life.ts';
import type { Fault, Schedule } from './schedule.ts';
import { type Surroundings, startSystem } from './system.ts';

export interface Outcome {
  readonly violations: readonly string[];
  /** The faults that befell something. */
  readonly met: readonly Fault[];
}

/** Lives a schedule through and looks at what is left. `plant` puts a mistake into the cloud. */
export async function runSchedule(
  surroundings: Surroundings,
  schedule: Schedule,
  plant?: (cloud: CloudClients) => CloudClients,
): Promise<Outcome> {
  const system = await startSystem(surroundings, schedule, plant);
  try {
    const violations = await checkInvariants(system, schedule, await live(system, schedule));
    return { violations, met: system.plan.met };
  } finally {
    await system.close();
  }
}

/** The fewest of a schedule's faults, phones and steps with which a promise is still broken. */
export async function shrink(
  surroundings: Surroundings,
  schedule: Schedule,
  plant?: (cloud: CloudClients) => CloudClients,
): Promise<Schedule> {
  const { blockAfter, ...unblocked } = schedule;
  const smaller: Schedule[] = [
    ...schedule.faults.map((_, index) => ({
      ...schedule,
      faults: without(schedule.faults, index),
    })),
    ...schedule.phones.map((_, index) => ({
      ...schedule,
      phones: without(schedule.phones, index),
    })),
    ...schedule.phones.flatMap((steps, phone) =>
      steps.map((_, index) => ({
        ...schedule,
        phones: schedule.phones.map((each, at) => (at === phone ? without(each, index) : each)),
      })),
    ),
    ...(schedule.burst ? [{ ...schedule, burst: false }] : []),
    ...(blockAfter === undefined ? [] : [unblocked]),
  ];
  for (const candidate of smaller) {
    const { violations } = await runSchedule(surroundings, candidate, plant);
    if (violations.length > 0) return shrink(surroundings, candidate, plant);
  }
  return schedule;
}

const without = <T>(items: readonly T[], index: number): T[] => items.toSpliced(index, 1);
