/** Grants over time as bars, and the same as text for whoever does not see them. */
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { count } from './text.tsx';

const HEIGHT = 200;
const DARK = matchMedia('(prefers-color-scheme: dark)');
const TIME = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short' });

export function GrantsChart({
  blocks,
}: {
  readonly blocks: readonly { readonly to: string; readonly count: number }[];
}) {
  const place = useRef<HTMLDivElement>(null);
  const [isDark, setDark] = useState(DARK.matches);
  useEffect(() => {
    const change = () => setDark(DARK.matches);
    DARK.addEventListener('change', change);
    return () => DARK.removeEventListener('change', change);
  }, []);
  useEffect(() => {
    const element = place.current;
    if (!element || blocks.length === 0) return;
    // A canvas knows no variables: what the style sheet made of them.
    const {
      color: accent,
      borderTopColor: line,
      textDecorationColor: muted,
    } = getComputedStyle(element);
    const axis = { stroke: muted, grid: { stroke: line, width: 1 }, ticks: { show: false } };
    const clock = (_: uPlot, instants: number[]) => instants.map((at) => TIME.format(at * 1000));
    const { bars } = uPlot.paths;
    const chart = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { range: (_, min, max) => [min - 40, max + 40] },
          y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] },
        },
        axes: [
          { ...axis, values: clock },
          { ...axis, size: 44 },
        ],
        series: [
          {},
          {
            ...(bars && { paths: bars({ size: [0.7, 40], radius: 0.15 }) }),
            fill: accent,
            points: { show: false },
          },
        ],
      },
      [blocks.map(({ to }) => Date.parse(to) / 1000), blocks.map((each) => each.count)],
      element,
    );
    const observer = new ResizeObserver(() =>
      chart.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [blocks, isDark]);
  if (blocks.length === 0)
    return <p class="notice">The ledger has no block yet: a grant is in it after two minutes.</p>;
  const counts = blocks.map((each) => each.count);
  const total = counts.reduce((sum, each) => sum + each, 0);
  return (
    <figure>
      <div ref={place} class="chart" aria-hidden="true" />
      <figcaption>
        {count(total)} grants in the last {blocks.length} blocks of the ledger,{' '}
        {count(Math.max(...counts))} in the fullest.
      </figcaption>
    </figure>
  );
}
