/** A simulation's results as people read them. */
import type { Figure } from '../support/figure.ts';
import type { SimulationResult } from './figures.ts';
import { PLANS, THIEF_KINDS } from './plans.ts';

/** What is worst for the owner of the models comes first. */
const ORDER = ['loud', 'slow', 'barren', 'unlinked'] as const;

/** Each good user who was blocked or slowed down, with the kind of life and the rules behind it. */
export function printGoodUsersHit(all: readonly SimulationResult[]): void {
  for (const { seed, good } of all) {
    for (const { user, traits, blocked, throttled, rules } of good) {
      if (!blocked && !throttled) continue;
      const measure = blocked ? 'BLOCKED' : 'throttled';
      console.log(`seed ${seed}: ${user} (${traits.join(', ')}) ${measure} by ${rules.join(', ')}`);
    }
  }
}

/** The figures as people read them: good users, then each kind of thief, what is worst for the owner first. */
export function printFigures(all: readonly Figure[], hasThieves: boolean): void {
  const value = (name: string) => all.find((figure) => figure.name === name)?.value ?? Number.NaN;
  const percent = (name: string) => `${(100 * value(name)).toFixed(3)} %`;
  console.log(
    `\ngood users blocked ${percent('sim.false_block_rate')}, ` +
      `asked to attest anew ${percent('sim.false_step_up_rate')}, ` +
      `throttled ${percent('sim.false_throttle_rate')} (${all[0]?.note ?? ''})`,
  );
  if (!hasThieves) return;
  console.log(`recall ${percent('sim.recall')}, precision ${percent('sim.precision')}\n`);
  const kinds = [...THIEF_KINDS].sort(
    (a, b) => ORDER.indexOf(PLANS[a].conduct) - ORDER.indexOf(PLANS[b].conduct),
  );
  console.table(
    Object.fromEntries(
      kinds.map((kind) => [
        kind,
        {
          conduct: PLANS[kind].conduct,
          'before block': value(`sim.models_before_block.median.${kind}`),
          p95: value(`sim.models_before_block.p95.${kind}`),
          'in all': value(`sim.models_in_all.median.${kind}`),
          'in all, p95': value(`sim.models_in_all.p95.${kind}`),
          'blocked, %': Math.round(100 * value(`sim.blocked_share.${kind}`)),
          'hours to block': Number(value(`sim.hours_to_block.median.${kind}`).toFixed(1)),
        },
      ]),
    ),
  );
  for (const kind of kinds) {
    const share = value(`sim.blocked_share.${kind}`);
    const most = value(`sim.models_in_all.max.${kind}`);
    if (share < 1) {
      const who =
        share === 0 ? 'never blocked' : `${Math.round(100 * (1 - share))} % never blocked`;
      console.log(`${who}: ${kind}, who got ${most} models at most (${PLANS[kind].description})`);
    }
  }
}
