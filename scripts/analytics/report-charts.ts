/** Charts as SVG, drawn by Apache ECharts without a browser. */
import { init } from 'echarts';
import type { Bar, Chart } from './report-figures.ts';

/** Colours that the page's style sheet decides, so that they follow the reader's light or dark. */
const INK = '#010203';
const LINE = '#010204';
const THEMED: Readonly<Record<string, string>> = { [INK]: 'var(--ink)', [LINE]: 'var(--line)' };

/** Told apart by readers who do not see all colours (Okabe and Ito), light and dark. */
const PALETTE = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00'];

const ROW_HEIGHT = 28;
/** With the label above the bar, where there is no room beside it. */
const TALL_ROW_HEIGHT = 46;
const ROOM_FOR_LABELS = 600;
/** Of the widest of the usual system fonts at 13 pixels: what draws here does not know the reader's. */
const LETTER_WIDTH = 8;
/** Of labels beside bars. */
const MAX_LETTERS = 44;
const MAX_STEPS = 100;
const FONT = { fontFamily: 'system-ui, sans-serif', fontSize: 13, color: INK };

/** The chart at a width in pixels. */
export function svgOf(chart: Chart, width: number): string {
  const { bars, rows } = chart;
  const labels = labelsOf(chart);
  const parts = [...new Set(rows.map(({ part = '' }) => part))].sort();
  const across = bars === 'across';
  const beside = across && width >= ROOM_FOR_LABELS;
  const letters = Math.min(Math.max(...labels.map(({ length }) => length)), MAX_LETTERS);
  const rowHeight = beside ? ROW_HEIGHT : TALL_ROW_HEIGHT;
  const height = across ? labels.length * rowHeight + 16 : parts.length > 1 ? 300 : 260;
  const categories = {
    type: 'category' as const,
    data: labels,
    inverse: across,
    axisTick: { show: false },
    axisLine: { show: !across, lineStyle: { color: LINE } },
    axisLabel: {
      ...FONT,
      hideOverlap: !across,
      formatter: shortened,
      ...(across &&
        !beside && {
          inside: true,
          padding: [0, 0, 10, -8],
          align: 'left' as const,
          verticalAlign: 'bottom' as const,
        }),
    },
    z: 10,
  };
  const values = {
    type: 'value' as const,
    minInterval: 1,
    show: !across,
    splitLine: { show: !across, lineStyle: { color: LINE } },
    axisLabel: FONT,
  };
  const drawing = init(null, null, { renderer: 'svg', ssr: true, width, height });
  drawing.setOption({
    animation: false,
    color: PALETTE,
    textStyle: FONT,
    legend: {
      show: parts.length > 1,
      top: 0,
      textStyle: FONT,
      itemWidth: 14,
      itemHeight: 10,
      itemGap: 28,
    },
    grid: across
      ? { top: 8, left: beside ? letters * LETTER_WIDTH + 12 : 0, right: 64, bottom: 0 }
      : { top: parts.length > 1 ? 44 : 16, left: 52, right: 16, bottom: 28 },
    xAxis: across ? values : categories,
    yAxis: across ? categories : values,
    series: parts.map((part) => ({
      type: 'bar' as const,
      name: part,
      stack: 'all',
      barMaxWidth: across ? 16 : 48,
      data: labels.map((label) => sumOf(rows, label, part)),
      label: { ...FONT, show: across, position: 'right' as const },
    })),
  });
  const svg = drawing.renderToSVGString();
  drawing.dispose();
  // The name of the format looks like an address to load from, and HTML knows it without.
  const inline = svg.replaceAll(/ xmlns(?::\w+)?="[^"]*"/g, '');
  return Object.entries(THEMED).reduce(
    (text, [colour, name]) => text.replaceAll(colour, name),
    inline,
  );
}

const sumOf = (rows: readonly Bar[], label: string, part: string): number =>
  rows
    .filter((row) => row.label === label && (row.part ?? '') === part)
    .reduce((sum, { value }) => sum + value, 0);

/** In the order of the rows; of numbers also those that no row has. */
function labelsOf({ rows, step }: Chart): readonly string[] {
  const labels = [...new Set(rows.map(({ label }) => label))];
  const [first, last] = [Number(labels[0]), Number(labels.at(-1))];
  if (step === undefined || labels.length === 0 || (last - first) / step > MAX_STEPS) return labels;
  return Array.from({ length: (last - first) / step + 1 }, (_, i) => String(first + i * step));
}

const shortened = (label: string): string =>
  label.length > MAX_LETTERS ? `${label.slice(0, MAX_LETTERS - 1)}…` : label;
