/** One page that needs nothing else: what the analysts' views say, drawn and in numbers. */
import { svgOf } from './report-charts.ts';
import type { Bar, Chart, Headline, Report } from './report-figures.ts';

/** For a desk and for a phone; the style sheet shows the one that fits. */
const WIDTHS = { wide: 820, narrow: 360 } as const;

const STYLE = `
:root{color-scheme:light dark;--paper:#fff;--ink:#1f2430;--soft:#5b6270;--line:#d9dde4}
@media(prefers-color-scheme:dark){:root{--paper:#14171d;--ink:#e4e7ec;--soft:#9aa2b1;--line:#333a46}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;max-width:860px;margin:2rem auto;padding:0 20px;background:var(--paper);color:var(--ink)}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2.5rem 0 0}
p{margin:.2rem 0 .8rem;color:var(--soft)}
dl{display:flex;flex-wrap:wrap;gap:.5rem 2rem;margin:1.5rem 0 0}
dt{color:var(--soft);font-size:.85rem}dd{margin:0;font-size:1.6rem;font-variant-numeric:tabular-nums}
svg{display:block;max-width:100%;height:auto}
.narrow{display:none}
@media(max-width:700px){.wide{display:none}.narrow{display:block}}
details{margin-top:.4rem;font-size:.85rem;color:var(--soft)}summary{cursor:pointer}
table{border-collapse:collapse;margin-top:.4rem}td{padding:.1rem 1rem .1rem 0;overflow-wrap:anywhere}
th{text-align:left;padding:.1rem 1rem .1rem 0}
details td:last-child{text-align:right;font-variant-numeric:tabular-nums}
`;

export function reportPage(title: string, { headlines, charts, table: rows }: Report): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head><body><h1>${escaped(title)}</h1>
<dl>${headlines.map(headline).join('')}</dl>
${charts.map(section).join('\n')}
${rows ? listing(rows) : ''}
</body></html>
`;
}

const headline = ({ label, value }: Headline): string =>
  `<div><dt>${escaped(label)}</dt><dd>${value.toLocaleString('en-GB')}</dd></div>`;

function listing({ title, names, rows }: NonNullable<Report['table']>): string {
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  const body = rows.map((cells) => row(cells, 'td')).join('');
  return `<section><h2>${escaped(title)}</h2><table>${row(names, 'th')}${body}</table></section>`;
}

function section(chart: Chart): string {
  const { title, description, rows } = chart;
  const drawn = rows.some(({ value }) => value > 0)
    ? Object.entries(WIDTHS)
        .map(
          ([name, width]) =>
            `<div class="${name}" role="img" aria-label="${escaped(title)}">${svgOf(chart, width)}</div>`,
        )
        .join('') + table(rows)
    : '<p>Nothing.</p>';
  return `<section><h2>${escaped(title)}</h2><p>${escaped(description)}</p>${drawn}</section>`;
}

function table(rows: readonly Bar[]): string {
  const cells = rows
    .filter(({ value }) => value > 0)
    .map(
      ({ label, part = '', value }) =>
        `<tr><td>${escaped(label)}</td><td>${escaped(part)}</td><td>${value}</td></tr>`,
    );
  return `<details><summary>Figures</summary><table>${cells.join('')}</table></details>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

const escaped = (text: string): string => text.replace(/[&<>"]/g, (char) => ENTITIES[char] ?? '');
