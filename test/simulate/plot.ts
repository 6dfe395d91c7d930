/** How many models each kind of thief got, as an SVG that needs nothing else. */
import type { SimulationResult } from './figures.ts';
import { THIEF_KINDS } from './plans.ts';

const ROW = 28;
const LEFT = 190;
const WIDTH = 640;
/** The most models on the scale. */
const SCALE = 50;

export function plotOf(results: readonly SimulationResult[]): string {
  const thieves = results.flatMap((result) => result.thieves);
  const x = (models: number) => LEFT + (Math.min(models, SCALE) / SCALE) * WIDTH;
  const rows = THIEF_KINDS.map((kind, row) => {
    const y = (row + 1) * ROW;
    const dots = thieves
      .filter((thief) => thief.kind === kind)
      .map(
        ({ modelsBeforeBlock, hoursToBlock }) =>
          `<circle cx="${x(modelsBeforeBlock)}" cy="${y}" r="5" fill="${
            hoursToBlock === undefined ? '#888' : '#c33'
          }" fill-opacity="0.45"/>`,
      );
    return `<text x="${LEFT - 12}" y="${y + 4}" text-anchor="end">${kind}</text>${dots.join('')}`;
  });
  const height = (THIEF_KINDS.length + 2) * ROW;
  const grid = [0, 10, 20, 30, 40, 50].map(
    (models) =>
      `<line x1="${x(models)}" x2="${x(models)}" y1="${ROW / 2}" y2="${height - ROW}" stroke="#ddd"/>` +
      `<text x="${x(models)}" y="${height - ROW / 2}" text-anchor="middle">${models}</text>`,
  );
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${LEFT + WIDTH + 30} ${height}" ` +
    `font-family="sans-serif" font-size="13"><title>Models before the first block; grey: never blocked</title>` +
    `${grid.join('')}${rows.join('')}</svg>\n`
  );
}
