import type { PublishResult } from '../../functions/catalogue/publish-model.ts';
import { sealedShare } from '../../functions/formats/cover.ts';
import { sizeText } from '../terminal/units.ts';

/** What a model file was found to be made of, by the type of its layers, for a terminal. */
export function layerTable({ kinds, coverage, notes }: PublishResult): string {
  const { structureBytes, clearBytes, weightBytes, opaqueBytes } = coverage;
  const all = structureBytes + clearBytes + weightBytes + opaqueBytes;
  const rows = [...kinds]
    .sort((a, b) => b.bytes - a.bytes)
    .map(({ dtype = 'unknown', layers, bytes }) => rowOf(dtype, String(layers), bytes, all));
  return [
    rowOf('type', 'layers', 'size', 'of file'),
    ...rows,
    rowOf('structure', '-', structureBytes, all),
    rowOf('in the clear', '-', clearBytes, all),
    `sealed: ${(100 * sealedShare(coverage)).toFixed(2)} % of what is not structure`,
    ...notes.map((note) => `sealed as it is: ${note}`),
  ].join('\n');
}

function rowOf(name: string, layers: string, bytes: number | string, all: number | string): string {
  const size = typeof bytes === 'number' ? sizeText(bytes) : bytes;
  const share =
    typeof all === 'number' && typeof bytes === 'number'
      ? `${((100 * bytes) / all).toFixed(2)} %`
      : String(all);
  return `${name.padEnd(16)}${layers.padStart(8)}${size.padStart(12)}${share.padStart(10)}`;
}
