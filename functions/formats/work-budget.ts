/**
 * How much one model file may cost to read, whatever it says of itself. One budget serves the whole
 * file, also the files within an archive; what is referred to twice counts twice.
 */
import { FormatError } from './errors.ts';

/** Every field, table, element or number that is looked at is a step, those that cost more several. */
const BASE_STEPS = 1_000_000;
const STEPS_PER_BYTE = 1;
const MAX_STEPS = 128_000_000;

/** Names and other text that is turned into strings. */
const BASE_TEXT_BYTES = 1 << 20;
const TEXT_PER_BYTE = 1 / 2;
const MAX_TEXT_BYTES = 1 << 26;

const BASE_LAYERS = 65_536;
const LAYERS_PER_BYTE = 1 / 192;
const MAX_FOUND_LAYERS = 1_000_000;

/** Of the processor, not of the clock: a slow store or a busy machine makes no model hostile. */
const BASE_MS = 500;
const MS_PER_BYTE = 1e-4;
const MAX_MS = 60_000;
const STEPS_BETWEEN_LOOKS = 16_384;

/** Milliseconds of processor time that this thread has used. */
export type ProcessorClock = () => number;

const threadClock: ProcessorClock = () => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

/** Each method throws `too-large` once its allowance is used up. */
export class WorkBudget {
  #steps: number;
  #textBytes: number;
  #layers: number;
  #untilLook = STEPS_BETWEEN_LOOKS;
  readonly #deadlineMs: number;
  readonly #clock: ProcessorClock;

  constructor(sizeBytes: number, clock: ProcessorClock = threadClock) {
    this.#steps = Math.min(MAX_STEPS, BASE_STEPS + sizeBytes * STEPS_PER_BYTE);
    this.#textBytes = Math.min(MAX_TEXT_BYTES, BASE_TEXT_BYTES + sizeBytes * TEXT_PER_BYTE);
    this.#layers = Math.min(MAX_FOUND_LAYERS, BASE_LAYERS + sizeBytes * LAYERS_PER_BYTE);
    this.#clock = clock;
    this.#deadlineMs = clock() + Math.min(MAX_MS, BASE_MS + sizeBytes * MS_PER_BYTE);
  }

  step(count = 1): void {
    this.#steps -= count;
    if (this.#steps < 0) throw new FormatError('too-large', 'more parts than a file of its size');
    this.#untilLook -= count;
    if (this.#untilLook < 0) this.#look();
  }

  text(bytes: number): void {
    this.#textBytes -= bytes;
    if (this.#textBytes < 0)
      throw new FormatError('too-large', 'more text than a file of its size');
  }

  /** Whether so many layers may still be found. */
  expectLayers(count: number): void {
    if (count > this.#layers) throw new FormatError('too-large', `${count} tensors`);
  }

  layer(): void {
    this.#layers -= 1;
    if (this.#layers < 0)
      throw new FormatError('too-large', 'more tensors than a file of its size');
  }

  #look(): void {
    this.#untilLook = STEPS_BETWEEN_LOOKS;
    if (this.#clock() > this.#deadlineMs)
      throw new FormatError('too-large', 'takes too long to read');
  }
}
