/** docs/ops/scale.md. */
import { OPERATIONS } from '../support/counted-clients.ts';
import { costLines } from './cost.ts';
import { LIMITS, type Load, shareTaken } from './limits.ts';
import { ofWhole, PATCH_CPU, VERSION_PAIRS } from './updates.ts';

const RATES = [100, 1_000, 10_000];
const SIZES = [
  ['250 kB', 250_000],
  ['28 MB', 28_000_000],
] as const;

/** The page's text. */
export function capacityPage(load: Load): string {
  const used = OPERATIONS.filter((operation) => load.use[operation] > 0);
  return [
    '# What breaks at which rate',
    '',
    'Made by `WRITE_DOCS=1 npm test -- test/capacity` from two things: the operations of one grant, counted over all functions',
    'that have to do with it, on running instances, and one table of limits (`test/capacity/limits.ts`). A count that changes,',
    'or a quota that another project has, makes this page wrong: the first is a red test, the second is for',
    '`npm run modelseal -- doctor` and the [quotas page](https://console.cloud.google.com/iam-admin/quotas) of the project.',
    '',
    '## One grant',
    '',
    `| ${used.join(' | ')} |`,
    `|${used.map(() => '---').join('|')}|`,
    `| ${used.map((operation) => load.use[operation].toFixed(0)).join(' | ')} |`,
    '',
    'Cloud KMS is asked once for a version and an instance every few minutes, so that running instances show none. The challenge',
    'came with the answer before; a phone that asks for one has a message more. An object',
    'is deleted once more by the sweep, a hundred in a request.',
    '',
    '## Shares of each limit',
    '',
    '1.00 is all of it: what is above breaks first. In **bold** where it does.',
    '',
    `| limit | at most | ${RATES.map((rate) => `${rate.toLocaleString('en')}/s`).join(' | ')} | what lifts it | source |`,
    `|---|---|${RATES.map(() => '---').join('|')}|---|---|`,
    ...LIMITS.map((limit) => {
      const cells = RATES.map((rate) => cell(limit, { ...load, grantsPerSecond: rate }));
      const source = `[${limit.read ?? 'from memory: check'}](${limit.source})`;
      const most = `${limit.most.toLocaleString('en')} ${limit.unit}`;
      return `| ${limit.name} | ${most} | ${cells.join(' | ')} | ${limit.lift} | ${source} |`;
    }),
    '',
    'Where a share follows the size of the model, it is given for 250 kB and for 28 MB.',
    '',
    '## A million grants',
    '',
    'In US dollars, in a region such as us-central1, beyond free tiers and at the first tier of volume; `npm run cost -- --grants',
    'N --size BYTES` for others. The Cloud KMS line is an estimate (each version once for an instance and five minutes); CPU',
    'is that of the limits above, lines of the log 1,500 bytes a request.',
    '',
    `| | ${SIZES.map(([name]) => name).join(' | ')} | price |`,
    `|---|${SIZES.map(() => '---').join('|')}|---|`,
    ...costRows(load),
    '',
    'Beside that, each month whatever happens: HSM key versions (1.00 and, on elliptic curves, 2.50 each), warm instances of',
    '`grant` and `challenge`, the load balancer and its rules. Delivery is nearly all of it: a smaller model saves more than',
    'anything in the code. Two numbers were read where others quote Google and not on its pages: the price of Cloud Armor, and',
    'the bandwidth to the Internet.',
    '',
    '## A million updates',
    '',
    'The same for phones that hold the version before and name it, all of them, of a model of 28 MB; where S of the grants are such,',
    'S of the difference. The bytes of each pair are measured ([decision 21](../decisions/0021-patches-of-what-lies-there.md), `npm run',
    `bytes -- OLD NEW\`), its CPU is ${PATCH_CPU} times that of a whole (\`npm run bench -- --only patches\`, \`patch.seal_x_whole\`). A patch of more than`,
    '70 % is not sent. Other bytes on your own versions, or another factor, make this table wrong.',
    '',
    '| the new version | patch of an unmarked copy | together | of a marked one (`standard`) | together |',
    '|---|---|---|---|---|',
    ...updateRows(load),
    '',
  ].join('\n');
}

function costRows({ use }: Load): readonly string[] {
  const bySize = SIZES.map(([, sizeBytes]) => costLines({ grants: 1e6, sizeBytes, use }));
  const rows = (bySize[0] ?? []).map(({ item, source, read }, n) => {
    const cells = bySize.map((lines) => lines[n]?.dollars.toFixed(2));
    return `| ${item} | ${cells.join(' | ')} | [${read ?? 'from memory: check'}](${source}) |`;
  });
  const totals = bySize.map((lines) => lines.reduce((sum, { dollars }) => sum + dollars, 0));
  return [...rows, `| **together** | ${totals.map((sum) => sum.toFixed(0)).join(' | ')} | |`];
}

/** One row for each pair of versions: what a patch is of the whole, and what a million cost. */
function updateRows({ use }: Load): readonly string[] {
  return VERSION_PAIRS.map(({ name, patch }) => {
    const cells = [patch.off, patch.standard].flatMap((patchShare) => {
      const updates = { share: 1, patchShare };
      const lines = costLines({ grants: 1e6, sizeBytes: 28_000_000, use, updates });
      const dollars = lines.reduce((sum, line) => sum + line.dollars, 0);
      return [percentOf(patchShare), dollars.toFixed(0)];
    });
    return `| ${name} | ${cells.join(' | ')} |`;
  });
}

const percentOf = (share: number): string =>
  ofWhole(share).bytes < 1
    ? `${(100 * share).toFixed(1)} %`
    : `${(100 * share).toFixed(0)} %: whole`;

function cell(limit: (typeof LIMITS)[number], load: Load): string {
  const shares = SIZES.map(([, sizeBytes]) => textOf(shareTaken(limit, { ...load, sizeBytes })));
  return [...new Set(shares)].join(' and ');
}

const textOf = (share: number): string => {
  const text = share < 0.01 ? '< 0.01' : share.toFixed(2);
  return share > 1 ? `**${text}**` : text;
};
