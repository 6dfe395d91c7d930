/** What `npm run cost` prints. */
import { costLines } from './cost.ts';
import { operationsOfAGrant } from './operations.ts';

export interface Asked {
  readonly grants: number;
  readonly size: number;
  /** Of the grants, those whose phone holds an older version. */
  readonly updates: number;
  /** Bytes of a patch, of those of the whole. */
  readonly patch: number;
}

export async function printCost({ grants, size, updates, patch }: Asked): Promise<void> {
  const lines = costLines({
    grants,
    sizeBytes: size,
    use: await operationsOfAGrant(),
    updates: { share: updates, patchShare: patch },
  });
  for (const { item, amount, unit, dollars, read } of lines) {
    const note = read ? `price of ${read}` : 'price from memory: check';
    const much = `${Math.round(amount).toLocaleString('en')} ${unit}`;
    console.log(
      `${item.padEnd(28)}${much.padStart(32)}${dollars.toFixed(2).padStart(12)}  ${note}`,
    );
  }
  const total = lines.reduce((sum, { dollars }) => sum + dollars, 0);
  console.log(`${'together'.padEnd(60)}${total.toFixed(2).padStart(12)}`);
}
