/** What grants cost: counted operations times prices, each with the page that it was read in. Of grants alone. */

/** What one grant uses of Google's services, counted over all functions that have to do with it (test/capacity). */
export const GRANT_OPERATIONS = {
  'firestore reads': 15,
  'firestore writes': 8,
  'storage class A': 1,
  'storage class B': 1,
  'pubsub messages': 1,
} as const;
type Use = Readonly<Record<keyof typeof GRANT_OPERATIONS, number>>;

/**
 * Seconds of one CPU that the grant function takes for one grant: 20 ms and 15 ms for each megabyte, measured by
 * `npm run load -- --only stack` on a machine of two cores (23 ms for 250 kB, 450 ms for 28 MB, in its process).
 */
export const grantCpuSeconds = (sizeBytes: number): number => 0.02 + 0.015 * (sizeBytes / 1e6);

/** Grants, and what was done for all of them together. */
export interface GrantWork {
  readonly grants: number;
  readonly use: Use;
  /** Delivered to phones. */
  readonly sentBytes: number;
  /** Of one CPU, in the grant function. */
  readonly cpuSeconds: number;
  /** Copies that were sent as patches. */
  readonly patches: number;
}

interface Price {
  readonly item: string;
  /** US dollars for `per` of the unit, in a region such as us-central1, beyond free tiers, first tier of volume. */
  readonly dollars: number;
  readonly per: number;
  readonly unit: string;
  readonly source: string;
  /** When a copy of that page was seen to say so; null where the price is from memory. */
  readonly read: string | null;
  readonly taken: (work: GrantWork) => number;
}

const GIB = 2 ** 30;
/** Of Pub/Sub: at least 1,000 bytes a message, published, pushed and written to BigQuery. */
const MESSAGE_BYTES = 1_000;
/** Requests of the API for one grant, at the most: its challenge, where none has come before, and itself; and the pushes of its events. */
const requests = ({ grants, use }: GrantWork) => grants * (2 + use['pubsub messages']);
/** The other requests take 5 ms each. */
const cpuSeconds = (work: GrantWork) => work.cpuSeconds + (requests(work) - work.grants) * 0.005;
/** A request's own line and ours, as the local stack writes them. */
const LOG_BYTES = 1_500;
const of =
  (operation: keyof Use) =>
  ({ grants, use }: GrantWork) =>
    grants * use[operation];

const FIRESTORE = 'https://firebase.google.com/docs/firestore/pricing';
const STORAGE = 'https://cloud.google.com/storage/pricing-examples';
const RUN = 'https://cloud.google.com/run/pricing';

const PRICES: readonly Price[] = [
  {
    ...{ item: 'Firestore, reads', dollars: 0.03, per: 1e5, unit: 'documents' },
    ...{ source: FIRESTORE, read: '2026-11-24', taken: of('firestore reads') },
  },
  {
    ...{ item: 'Firestore, writes', dollars: 0.09, per: 1e5, unit: 'documents' },
    ...{ source: FIRESTORE, read: '2026-11-24', taken: of('firestore writes') },
  },
  {
    // The grant's challenge and, after its time, the grant itself.
    ...{ item: 'Firestore, deletions by TTL', dollars: 0.01, per: 1e5, unit: 'documents' },
    ...{ source: FIRESTORE, read: '2026-11-24', taken: ({ grants }) => 2 * grants },
  },
  {
    ...{ item: 'Cloud Storage, writes', dollars: 0.005, per: 1e3, unit: 'operations' },
    ...{ source: STORAGE, read: '2026-11-24', taken: of('storage class A') },
  },
  {
    // One from the vault, one by the phone; a patch reads its base from the vault, too.
    ...{ item: 'Cloud Storage, reads', dollars: 0.0004, per: 1e3, unit: 'operations' },
    ...{
      source: STORAGE,
      read: '2026-11-24',
      taken: ({ grants, use, patches }) => grants * (use['storage class B'] + 1) + patches,
    },
  },
  {
    // Once for a version, an instance and five minutes: a tenth of the grants of a quiet service.
    ...{ item: 'Cloud KMS, HSM', dollars: 0.03, per: 1e4, unit: 'unwraps' },
    ...{
      source: 'https://cloud.google.com/kms/pricing',
      read: '2026-11-24',
      taken: ({ grants }) => grants / 10,
    },
  },
  {
    ...{ item: 'Pub/Sub', dollars: 130, per: 2 ** 40, unit: 'bytes' },
    ...{
      source: 'https://cloud.google.com/pubsub/pricing',
      read: '2026-11-24',
      taken: ({ grants, use }) => grants * use['pubsub messages'] * MESSAGE_BYTES,
    },
  },
  {
    ...{ item: 'Cloud Run, requests', dollars: 0.4, per: 1e6, unit: 'requests' },
    ...{ source: RUN, read: '2026-11-24', taken: requests },
  },
  {
    // With 1 GiB beside each CPU.
    ...{ item: 'Cloud Run, CPU and memory', dollars: 0.0000265, per: 1, unit: 'seconds' },
    ...{ source: RUN, read: '2026-11-24', taken: cpuSeconds },
  },
  {
    ...{ item: 'Cloud Armor', dollars: 0.75, per: 1e6, unit: 'requests' },
    ...{
      source: 'https://cloud.google.com/armor/pricing',
      // That page as another project quotes it, with its prices by the hour: 5.00 a policy and 1.00 a rule each month.
      read: '2026-11-27',
      taken: ({ grants }) => 2 * grants,
    },
  },
  {
    ...{ item: 'Cloud Logging', dollars: 0.5, per: GIB, unit: 'bytes' },
    ...{
      source: 'https://cloud.google.com/stackdriver/pricing',
      read: '2026-09-12',
      taken: (work) => requests(work) * LOG_BYTES,
    },
  },
  {
    ...{ item: 'delivery to phones', dollars: 0.12, per: GIB, unit: 'bytes' },
    ...{
      source: STORAGE,
      read: '2026-11-24',
      taken: ({ sentBytes }) => sentBytes,
    },
  },
];

export interface CostLine extends Pick<Price, 'item' | 'source' | 'read' | 'unit'> {
  readonly amount: number;
  readonly dollars: number;
}

/** In the order of the prices. */
export const priced = (work: GrantWork): readonly CostLine[] =>
  PRICES.map(({ item, source, read, unit, dollars, per, taken }) => {
    const amount = taken(work);
    return { item, source, read, unit, amount, dollars: (amount / per) * dollars };
  });
