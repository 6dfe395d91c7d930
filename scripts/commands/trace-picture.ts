/** The leak's correlation with grants that nobody got, and with those that it names, as one SVG. */
import type { Finding } from '../../functions/watermark/read-leak.ts';

const WIDTH = 820;
const HEIGHT = 320;
const [LEFT, RIGHT, TOP, BASE] = [40, 20, 40, 260];
const BINS_A_DEVIATION = 4;

/** Grey: how many innocents at each deviation; red: the named; blue: the likeliest that is not. */
export function correlationPicture(
  title: string,
  innocents: readonly number[],
  named: readonly Finding[],
  likeliest?: Finding,
): string {
  const suspects = [...named, ...(likeliest && named.length === 0 ? [likeliest] : [])];
  const values = [...innocents, ...suspects.map(({ deviations }) => deviations)];
  const low = Math.floor(Math.min(-4, ...values));
  const high = Math.ceil(Math.max(7, ...values));
  const x = (deviations: number) =>
    LEFT + ((deviations - low) / (high - low)) * (WIDTH - LEFT - RIGHT);
  const bins = new Map<number, number>();
  for (const value of innocents) {
    const bin = Math.floor(value * BINS_A_DEVIATION);
    bins.set(bin, (bins.get(bin) ?? 0) + 1);
  }
  const most = Math.max(1, ...bins.values());
  const bars = [...bins].map(([bin, count]) => {
    const [from, to] = [x(bin / BINS_A_DEVIATION), x((bin + 1) / BINS_A_DEVIATION)];
    const height = (count / most) * (BASE - TOP);
    return `<rect x="${from.toFixed(1)}" y="${(BASE - height).toFixed(1)}" width="${(to - from).toFixed(1)}" height="${height.toFixed(1)}" fill="#aaa"/>`;
  });
  const colour = named.length > 0 ? '#c33' : '#37699b';
  const marks = suspects.map(({ name, deviations }, row) => {
    const at = x(deviations);
    const anchor = at > WIDTH / 2 ? 'end' : 'start';
    const text = at + (anchor === 'end' ? -8 : 8);
    const y = TOP + (row % 10) * 18;
    return (
      `<line x1="${at.toFixed(1)}" x2="${at.toFixed(1)}" y1="${y}" y2="${BASE}" stroke="${colour}" stroke-width="2"/>` +
      `<text x="${text.toFixed(1)}" y="${y + 10}" text-anchor="${anchor}" fill="${colour}">${name}</text>`
    );
  });
  const step = Math.max(1, Math.ceil((high - low) / 16));
  const ticks: string[] = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) {
    ticks.push(
      `<text x="${x(tick).toFixed(1)}" y="${BASE + 18}" text-anchor="middle">${tick}</text>`,
    );
  }
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">` +
    `<title>${title}</title><rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>` +
    `<text x="${LEFT}" y="22" font-size="15">${title}</text>` +
    `${bars.join('')}<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${BASE}" y2="${BASE}" stroke="#444"/>` +
    `${ticks.join('')}${marks.join('')}` +
    `<text x="${WIDTH / 2}" y="${HEIGHT - 16}" text-anchor="middle">correlation with a copy's marks, in standard deviations; grey: ${innocents.length} innocents</text></svg>\n`
  );
}
