import type { AttestationErrorCode } from '../errors.ts';
import type { CheckMode } from './schema.ts';

/** What one check of the policy found; checks that are off leave none. */
export interface Finding {
  /** The cause that a refusal by this check has. */
  readonly check: AttestationErrorCode;
  readonly mode: 'monitor' | 'enforce';
  readonly held: boolean;
  /** What was seen instead, for logs and scoring. */
  readonly observed?: string;
}

/** Collects findings in the order of the checks. */
export class Findings {
  readonly #list: Finding[] = [];

  /** `observed` is only looked at where the check did not hold. */
  record(
    check: AttestationErrorCode,
    { mode }: { readonly mode: CheckMode },
    held: boolean,
    observed?: unknown,
  ): void {
    if (mode === 'off') return;
    const seen = held || observed === undefined ? {} : { observed: String(observed) };
    this.#list.push({ check, mode, held, ...seen });
  }

  get list(): readonly Finding[] {
    return this.#list;
  }

  /** The first check that refuses. */
  get refusal(): AttestationErrorCode | undefined {
    return this.#list.find(({ mode, held }) => mode === 'enforce' && !held)?.check;
  }

  get allHeld(): boolean {
    return this.#list.every(({ held }) => held);
  }
}
