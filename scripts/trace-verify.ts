/**
 * `npm run trace:verify -- evidence.json`: computes the bound of each accusation in an evidence file
 * again, from the accounts in it. It uses none of modelseal's code but to read its argument, so that a stranger who has read
 * docs/analysts/tracing.md and these lines need not trust ours. Exits with 1 where a bound is not borne out.
 */
import { readFile } from 'node:fs/promises';
import { inflateSync } from 'node:zlib';
import { commandLine } from './terminal/command-line.ts';

interface Named {
  readonly name: string;
  readonly log10P: number;
  readonly log10Chances?: number;
  readonly account: { readonly positions: number; readonly table: string } | null;
}

const [file = ''] = commandLine('trace:verify', 'Computes the bounds of an evidence file again.')
  .argument('<evidence>', 'the file, as `modelseal trace --evidence` wrote it')
  .parse().args;
const { named } = JSON.parse(await readFile(file, 'utf8')) as {
  readonly named: readonly Named[];
};
let sound = true;
for (const { name, log10P, log10Chances = 0, account } of named) {
  if (!account) {
    console.log(`${name}: no account; its bound is Hoeffding's, of the deviations alone`);
    continue;
  }
  const computed = Math.min(
    0,
    chernoff(inflateSync(Buffer.from(account.table, 'base64'))) + log10Chances,
  );
  const agrees = computed <= log10P + 1e-3 * Math.abs(log10P) + 1e-3;
  sound &&= agrees;
  console.log(
    `${name}: ${account.positions} positions, p at most 1e${computed.toFixed(2)}; ` +
      `the file says 1e${log10P.toFixed(2)}: ${agrees ? 'borne out' : 'NOT BORNE OUT'}`,
  );
}
if (!sound) process.exitCode = 1;

/** log10 of the least, over λ, of exp(Σ log(p·exp(λe(1−p)) + (1−p)·exp(−λep)) − λS). */
function chernoff(table: Buffer): number {
  const rows: { e: number; p: number }[] = [];
  let [sum, variance] = [0, 0];
  for (let at = 0; at < table.length; at += 6) {
    const [e, p, bit] = [
      table.readFloatLE(at),
      table.readUInt8(at + 4) / 256,
      table.readUInt8(at + 5),
    ];
    rows.push({ e, p });
    sum += e * (bit - p);
    variance += e * e * p * (1 - p);
  }
  let least = 0;
  for (let scale = 0.25; scale < 2e4; scale *= 1.15) {
    const lambda = scale / Math.sqrt(variance);
    let log = -lambda * sum;
    for (const { e, p } of rows) {
      const [one, zero] = [lambda * e * (1 - p), -lambda * e * p];
      const top = Math.max(one, zero);
      log += top + Math.log(p * Math.exp(one - top) + (1 - p) * Math.exp(zero - top));
    }
    least = Math.min(least, log);
  }
  return least / Math.LN10;
}
