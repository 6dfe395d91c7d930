/** How many models each kind of thief got within a month, as an SVG that needs nothing else. */
import { THIEF_KINDS } from './plans.ts';
import type { SimulationResult } from './simulation.ts';

const ROW = 28;
const LEFT = 190;
const WIDTH = 640;
/** The most models on the scale. */
const SCALE = 300;

export function plotOf(results: readonly SimulationResult[]): string {
  const thieves = results.flatMap((result) => result.thieves);
  const x = (models: number) => LEFT + (Math.min(models, SCALE) / SCALE) * WIDTH;
  const rows = THIEF_KINDS.map((kind, row) => {
    const y = (row + 1) * ROW;
    const dots = thieves
      .filter((thief) => thief.kind === kind)
      .map(
        ({ modelsInMonth, hoursToBlock }) =>
          `<circle cx="${x(modelsInMonth)}" cy="${y}" r="5" fill="${
            hoursToBlock === undefined ? '#888' : '#c33'
          }" fill-opacity="0.45"/>`,
      );
    return `<text x="${LEFT - 12}" y="${y + 4}" text-anchor="end">${kind}</text>${dots.join('')}`;
  });
  const height = (THIEF_KINDS.length + 2) * ROW;
  const grid = [0, 10, 40, 60, 100, 200, 300].map(
    (models) =>
      `<line x1="${x(models)}" x2="${x(models)}" y1="${ROW / 2}" y2="${height - ROW}" stroke="#ddd"/>` +
      `<text x="${x(models)}" y="${height - ROW / 2}" text-anchor="middle">${models}</text>`,
  );
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${LEFT + WIDTH + 30} ${height}" ` +
    `font-family="sans-serif" font-size="13"><title>Models within a month; grey: never blocked</title>` +
    `${grid.join('')}${rows.join('')}</svg>\n`
  );
}
