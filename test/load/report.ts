/** Figures for machines and tables for people. */
import type { Figure } from '../support/figure.ts';
import type { RunResult } from './clients.ts';
import { Histogram } from './histogram.ts';

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface LoadReport {
  readonly figures: Figure[];
  readonly tables: Table[];
}

export const figure = (name: string, value: number, unit: string, note: string): Figure => ({
  name,
  value,
  unit,
  note,
});

/** Milliseconds of a whole operation. */
export const latency = ({ times }: Pick<RunResult, 'times'>, q: number): number =>
  new Histogram(times).quantile(q);

/** `<prefix>.<endpoint>.p50_ms` and so on, of the HTTP calls themselves. */
export function endpointFigures(prefix: string, { endpoints }: RunResult): readonly Figure[] {
  return [...endpoints].flatMap(([name, { times }]) =>
    [50, 95, 99].map((percent) =>
      figure(
        `${prefix}.${name}.p${percent}_ms`,
        new Histogram(times).quantile(percent / 100),
        'ms',
        'the HTTP call',
      ),
    ),
  );
}

export const rate = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);

export const row = (...values: readonly number[]): string[] => values.map(rate);

/** The first column to the left, all others to the right. */
export function printTable({ title, head, rows }: Table): void {
  const all = [head, ...rows];
  const widths = head.map((_, column) =>
    Math.max(...all.map((cells) => cells[column]?.length ?? 0)),
  );
  console.log(`\n${title}`);
  for (const cells of all) {
    const line = widths.map((width, column) => {
      const cell = cells[column] ?? '';
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    console.log(`  ${line.join('  ')}`);
  }
}
