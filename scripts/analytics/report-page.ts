/** One page that needs nothing else: bars of what the analysts' views say. */
export interface Chart {
  readonly title: string;
  /** What the reader should take from it, in a sentence. */
  readonly words: string;
  readonly bars: readonly { readonly label: string; readonly value: number }[];
}

const WIDTH = 560;
const ROW = 22;
const LABEL = 260;

export function reportPage(title: string, charts: readonly Chart[]): string {
  const sections = charts.map(
    (chart) =>
      `<section><h2>${escaped(chart.title)}</h2><p>${escaped(chart.words)}</p>${svgOf(chart)}</section>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:900px;margin:2rem auto;padding:0 1rem;color:#222}
h2{margin:2rem 0 0}p{margin:.2rem 0 .6rem;color:#555}svg{width:100%;height:auto}text{font-size:13px}</style>
</head><body><h1>${escaped(title)}</h1>${sections.join('\n')}</body></html>
`;
}

function svgOf({ title, bars }: Chart): string {
  if (bars.length === 0) return '<p>Nothing.</p>';
  const most = Math.max(...bars.map(({ value }) => value), 1);
  const rows = bars.map(({ label, value }, row) => {
    const y = row * ROW;
    const width = Math.max(1, (value / most) * WIDTH);
    return (
      `<text x="${LABEL - 8}" y="${y + 15}" text-anchor="end">${escaped(label)}</text>` +
      `<rect x="${LABEL}" y="${y + 3}" width="${width.toFixed(1)}" height="${ROW - 7}" fill="#37699b"/>` +
      `<text x="${(LABEL + width + 6).toFixed(1)}" y="${y + 15}">${escaped(String(value))}</text>`
    );
  });
  const size = `0 0 ${LABEL + WIDTH + 80} ${bars.length * ROW}`;
  return `<svg viewBox="${size}" role="img" aria-label="${escaped(title)}">${rows.join('')}</svg>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

const escaped = (text: string): string => text.replace(/[&<>"]/g, (char) => ENTITIES[char] ?? '');
