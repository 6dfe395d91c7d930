import type { Figure } from '../support/figure.ts';
import type { Attack } from './attack.ts';
import type { Trial } from './trial.ts';

const MARKS: Readonly<Record<Trial['result'], string>> = {
  refused: '✓ refused  ',
  otherwise: '? otherwise',
  succeeded: '✗ succeeded',
  broken: '! broken   ',
};

const count = (trials: readonly Trial[], is: (trial: Trial) => boolean) => trials.filter(is).length;

/** One attack on the terminal: whether it was refused, with what, and by which defence. */
export function lineOf(
  { name, tries, refused, defence, off, double }: Attack,
  trial: Trial,
): string {
  const { result, outcome, proven, withoutDefence } = trial;
  const lines = [
    `${MARKS[result]} ${name}: ${tries}`,
    `            ${outcome}${result === 'otherwise' ? ` (expected ${refused})` : ''} · ${defence}`,
  ];
  if (double !== undefined) lines.push(`            tests ${double}, not the product`);
  if (proven === true) lines.push(`            without it: succeeds (${placesOf(off)})`);
  if (proven === false) lines.push(`            WITHOUT IT: ${withoutDefence} (${placesOf(off)})`);
  return lines.join('\n');
}

const placesOf = ({ edits = [], environment = {} }: Attack['off']): string =>
  [...new Set([...edits.map(({ file }) => file), ...Object.keys(environment)])].join(', ');

export function summaryOf(trials: readonly Trial[]): string {
  const tried = count(trials, ({ proven }) => proven !== undefined);
  const proofs = count(trials, ({ proven }) => proven === true);
  return [
    `\n${trials.length} attacks: ${count(trials, ({ result }) => result === 'refused')} refused`,
    `${count(trials, ({ result }) => result === 'succeeded')} succeeded`,
    `${count(trials, ({ result }) => ['otherwise', 'broken'].includes(result))} neither`,
    tried > 0 ? `${proofs} of ${tried} succeed without their defence` : '--prove not asked for',
  ].join(', ');
}

/** The figures that reliability.md names. */
export function figuresOf(trials: readonly Trial[]): readonly Figure[] {
  const figure = (name: string, value: number, note: string): Figure => ({
    name: `attacks.${name}`,
    value,
    unit: 'attacks',
    note,
  });
  return [
    figure('count', trials.length, 'tried against the real functions'),
    figure(
      'succeeded',
      count(trials, ({ result }) => result === 'succeeded'),
      'got what they were after',
    ),
    figure(
      'otherwise',
      count(trials, ({ result }) => ['otherwise', 'broken'].includes(result)),
      'did not get it, but were not refused as expected',
    ),
    figure(
      'unproven',
      count(trials, ({ proven }) => proven !== true),
      'not seen to succeed with their defence switched off',
    ),
  ];
}
