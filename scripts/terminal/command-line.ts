/** One way for every command to read its arguments: `--help` for all, and one line where they are wrong. */
import { Command, InvalidArgumentError } from 'commander';

/**
 * A command that takes no arguments but those it is given, as `npm run NAME -- …`. A wrong one ends
 * the process with 1 and one line that names it.
 */
export const commandLine = (name: string, description: string): Command =>
  new Command(`npm run ${name} --`)
    .description(description)
    .showSuggestionAfterError(false)
    .helpOption('-h, --help', 'what can be said');

/** A whole number, 0 or more. Throws InvalidArgumentError. */
export function wholeNumber(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) {
    throw new InvalidArgumentError('It must be a whole number.');
  }
  return number;
}

/** A number above 0. Throws InvalidArgumentError. */
export function positiveNumber(text: string): number {
  const number = Number(text);
  if (text.trim() === '' || !(number > 0 && number < Number.POSITIVE_INFINITY)) {
    throw new InvalidArgumentError('It must be a number above 0.');
  }
  return number;
}

/** A part of one, from 0 to 1. Throws InvalidArgumentError. */
export function share(text: string): number {
  if (!/^(?:0|1|[01]?\.\d+)$/.test(text) || Number(text) > 1) {
    throw new InvalidArgumentError('It must be a number from 0 to 1.');
  }
  return Number(text);
}

/** Whole numbers with commas between, at least one. Throws InvalidArgumentError. */
export const wholeNumbers = (text: string): readonly number[] => text.split(',').map(wholeNumber);
