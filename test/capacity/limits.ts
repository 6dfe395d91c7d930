/**
 * Google's quotas and soft limits on the way of a grant, and how much of each a rate of grants takes.
 * Where a number was not read in the linked page, the row says so.
 */
import { grantCpuSeconds } from '../../functions/operators/prices.ts';
import type { Use } from './operations.ts';

export interface Load {
  readonly grantsPerSecond: number;
  /** Of one model, in bytes. */
  readonly sizeBytes: number;
  readonly use: Use;
  readonly modelShards: number;
}

export interface Limit {
  readonly name: string;
  readonly most: number;
  readonly unit: string;
  readonly taken: (load: Load) => number;
  readonly source: string;
  /** When the page was last seen to say so; null where the number is from memory. */
  readonly read: string | null;
  /** What is done about it, or can be. */
  readonly lift: string;
}

const perSecond = (operations: (use: Use) => number) => (load: Load) =>
  operations(load.use) * load.grantsPerSecond;

/** CPUs that seal so many grants. */
const cpus = ({ grantsPerSecond, sizeBytes }: Load): number =>
  grantsPerSecond * grantCpuSeconds(sizeBytes);

export const LIMITS: readonly Limit[] = [
  {
    name: 'Cloud Storage, first writes of the delivery bucket',
    most: 1_000,
    unit: 'objects/s, made or deleted, before it has scaled',
    // Each object is made once and swept once.
    taken: perSecond((use) => 2 * use['storage class A']),
    source: 'https://cloud.google.com/storage/quotas',
    read: '2026-11-26',
    lift: 'names begin with a shard, so that the bucket scales by itself; a launch that is known is warmed up (double each 20 minutes)',
  },
  {
    name: 'Cloud Storage, first reads of the vault',
    most: 5_000,
    unit: 'objects/s before it has scaled',
    taken: perSecond((use) => use['storage class B']),
    source: 'https://cloud.google.com/storage/quotas',
    read: '2026-11-26',
    lift: 'it scales by itself; a busy model kept by instances would read less',
  },
  {
    name: 'Cloud Storage, deletions by one sweep',
    most: 1_600,
    unit: 'objects/s, with eight requests of a hundred under way and 0.5 s for each',
    taken: perSecond((use) => use['storage class A']),
    source: 'https://cloud.google.com/storage/docs/batch',
    read: '2026-11-26',
    lift: 'a sweep for each half of the shards, by a second job of Cloud Scheduler',
  },
  {
    name: "Firestore, one document of a model's limit",
    most: 1,
    unit: 'sustained writes/s, of a single model that everybody wants',
    taken: ({ grantsPerSecond, modelShards }) => grantsPerSecond / modelShards,
    // Google's page of limits said so until it was rewritten; it gives no number in its place.
    source:
      'https://web.archive.org/web/20190411040400/https://firebase.google.com/docs/firestore/quotas',
    read: '2026-11-27',
    lift: 'shards follow GRANTS_PER_MODEL_MINUTE, up to 2,048',
  },
  {
    name: 'Firestore, traffic to a collection from rest',
    most: 500,
    unit: 'writes/s to one of them at first, half as many more each five minutes; here all of them together',
    taken: perSecond((use) => use['firestore writes']),
    source: 'https://cloud.google.com/firestore/docs/best-practices#ramping_up_traffic',
    read: '2026-11-26',
    lift: 'a ramp and no limit: a launch is let in over minutes by GRANTS_PER_MODEL_MINUTE',
  },
  {
    name: 'Cloud KMS, cryptographic requests',
    most: 1_000,
    unit: 'requests/s of a project from August 2019 (HSM keys have quotas of their own beside it); since 16 February 2026 tokens of a region, set by what it used before, and soft',
    taken: perSecond((use) => use['kms requests']),
    // 60,000 a minute, as of 2019-08-22. The change of 2026 stands in https://docs.cloud.google.com/kms/quotas.
    source: 'https://cloud.google.com/kms/docs/release-notes#August_22_2019',
    read: '2026-11-27',
    lift: 'instances keep unwrapped keys and delegates for minutes: it grows with instances, not with grants',
  },
  {
    name: 'Cloud Run, CPU of the grant function',
    most: 1_000,
    unit: 'vCPU of a region; a new project may have 20',
    taken: cpus,
    source: 'https://cloud.google.com/run/docs/configuring/max-instances-limits',
    read: '2026-11-26',
    lift: 'a second region; ask for more',
  },
  {
    name: 'instances of the grant function',
    most: 50,
    unit: 'instances of one vCPU (`max_instances` as delivered), busy to 60 %',
    taken: (load) => cpus(load) / 0.6,
    source: 'https://cloud.google.com/run/docs/configuring/max-instances-limits',
    read: '2026-11-26',
    lift: 'raise `max_instances`, up to 1000',
  },
  {
    name: 'Cloud Storage, egress to the Internet',
    most: 200,
    unit: 'Gbit/s of a region, `InternetEgressBandwidth`, as another project’s quotas page has it; a new project may have less, and gets 429 beyond',
    taken: ({ grantsPerSecond, sizeBytes }) => (grantsPerSecond * sizeBytes * 8) / 1e9,
    source: 'https://docs.cloud.google.com/storage/docs/bandwidth-usage',
    read: '2026-11-27',
    lift: 'fewer bytes: a phone that has the version renews; smaller variants; ask for more',
  },
];

/** How much of the limit is taken; 1 is all of it. */
export const shareTaken = ({ most, taken }: Limit, load: Load): number => taken(load) / most;
