import { sizeText } from './units.ts';

const WIDTH = 28;
const MIN_INTERVAL_MS = 80;

export interface ProgressBar {
  readonly update: (doneBytes: number) => void;
  /** Replaces the bar by a line that says how it went. */
  readonly end: (text: string) => void;
}

/**
 * A bar on standard error: redrawn on a terminal, and elsewhere only its last line. Where what is
 * counted is not bytes, `rateText` says how fast it goes.
 */
export function progressBar(
  title: string,
  totalBytes: number,
  rateText = (perSecond: number) => `${sizeText(perSecond)}/s`,
): ProgressBar {
  const stream = process.stderr;
  const startedAt = performance.now();
  let drawnAt = 0;
  return {
    update(doneBytes) {
      const now = performance.now();
      if (!stream.isTTY || now - drawnAt < MIN_INTERVAL_MS) return;
      drawnAt = now;
      const share = totalBytes === 0 ? 1 : doneBytes / totalBytes;
      const full = Math.round(share * WIDTH);
      const rate = doneBytes / ((now - startedAt) / 1000);
      stream.write(
        `\r${title} ${'█'.repeat(full)}${'░'.repeat(WIDTH - full)} ` +
          `${(share * 100).toFixed(0).padStart(3)} % ${rateText(rate)}\x1b[K`,
      );
    },
    end(text) {
      if (stream.isTTY) stream.write('\r\x1b[K');
      stream.write(`${title}: ${text}\n`);
    },
  };
}
