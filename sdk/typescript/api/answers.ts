/** What an answer must hold to be the service's. */
import { SealError } from '../../../functions/protocol/errors.ts';
import { Payload } from '../../../functions/protocol/token-schema.ts';
import { intercepted } from './api-error.ts';

const MAX_URL_CHARS = 16_384;
/** A manifest of 65,536 layers with long names fits. */
const MAX_TOKEN_CHARS = 1 << 25;
const MAX_LISTED = 10_000;

const CHECKS = {
  challenge: (answer: Payload) => answer.text('challenge', 1024),
  enrol: (answer: Payload) => answer.text('deviceId'),
  grant: (answer: Payload) => {
    answer.text('grantId');
    answer.text('url', MAX_URL_CHARS);
    answer.whole('sizeBytes', 1);
    const key = answer.inner('sealedKey');
    for (const name of ['suite', 'enc', 'ct']) key.text(name, 4096);
    for (const name of ['manifest', 'licence']) answer.text(name, MAX_TOKEN_CHARS);
    answer.optionalText('release', MAX_TOKEN_CHARS);
    answer.optionalText('base', 128);
  },
  renew: (answer: Payload) => answer.text('licence', MAX_TOKEN_CHARS),
  report: (_: Payload, { erase, provisional = [] }: Readonly<Record<string, unknown>>) => {
    if (!isListOfTexts(erase) || !Array.isArray(provisional)) throw intercepted();
    for (const device of provisional) new Payload(device).text('deviceId');
  },
  erase: (answer: Payload) => answer.text('enrolAgainAt'),
  models: (answer: Payload) => {
    for (const model of answer.list('models', MAX_LISTED)) {
      for (const name of ['modelId', 'latest']) model.text(name);
      for (const version of model.list('versions', MAX_LISTED)) {
        version.text('version');
        version.whole('sizeBytes');
      }
    }
  },
  /** Nothing of these is needed. */
  other: () => undefined,
} as const;

/** Which call was answered. */
export type AnswerKind = keyof typeof CHECKS;

/**
 * The answer, where it holds what the call needs.
 *
 * @param kind Which call was answered.
 * @param answer The JSON; undefined where there was none.
 * @throws {ApiError} `intercepted`: it is somebody else's.
 */
export function requireAnswer<T>(kind: AnswerKind, answer: unknown): T {
  try {
    CHECKS[kind](new Payload(answer), answer as Readonly<Record<string, unknown>>);
  } catch (error) {
    throw error instanceof SealError ? intercepted() : error;
  }
  return answer as T;
}

const isListOfTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((entry) => typeof entry === 'string');
