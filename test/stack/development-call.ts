/** A call of the local stack's development server: its body has been read, its answer becomes JSON. */
export type Call = (asked: Asked) => Promise<object>;

export interface Asked {
  readonly query: URLSearchParams;
  readonly body: Uint8Array;
  /** The members of a JSON body. Throws Refusal. */
  json(): Readonly<Record<string, unknown>>;
}

/** A call that cannot be done; the code is stable. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string) {
    super(code);
    this.status = status;
    this.code = code;
  }
}
