/**
 * ncnn (https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure): a `.param` that tells the graph, and a `.bin`
 * with the weights one behind the other, which only the operators' code can tell apart.
 */

import type { ArchiveEntry, Members } from './archive-entries.ts';

const MAGIC = 7_767_517;

/** The weights of each graph are one layer as a whole, and so is the graph. */
export async function findNcnn({ entries, file, take, open }: Members): Promise<void> {
  for (const graph of entries) {
    if (graph.packed || !(await isGraph(graph, open))) continue;
    const stem = graph.name.replace(/\.param(?:\.bin)?$/, '');
    const weights = entries.find(({ name, packed }) => name === `${stem}.bin` && !packed);
    if (!weights) continue;
    for (const { offset, length, name } of [graph, weights]) file.found({ offset, length, name });
    take(graph);
    take(weights);
  }
}

async function isGraph(entry: ArchiveEntry, open: Members['open']): Promise<boolean> {
  if (!/\.param(?:\.bin)?$/.test(entry.name) || entry.length < 8) return false;
  const file = open(entry);
  const text = String.fromCharCode(...(await file.bytes(0, 7, 'graph')));
  return text === String(MAGIC) || (await file.u32(0, 'graph')) === MAGIC;
}
