/** A grant and its download beside a plain copy of the same object and its download. */
import { randomBytes } from 'node:crypto';
import { modelPath, versionFor } from '../../functions/catalogue/model-record.ts';
import type { Services } from '../../functions/services.ts';
import type { Stack } from '../stack/stack.ts';
import { genuineIphone } from '../support/app-phone.ts';
import type { Figure } from '../support/figure.ts';
import { publishBytes } from '../support/publish.ts';
import { type BenchPhone, benchPhone } from './bench-phone.ts';
import { type PlainCopies, startPlainCopies } from './plain-copy.ts';
import { drain } from './streams.ts';
import { race } from './throughput.ts';

const LARGE = '250mb';
const PIECE_BYTES = 1 << 20;
const LARGE_PIECES = 250;
const AT_ONCE = 8;

/** The stack knows the models `3mb` and `28mb`. */
export async function besideCopies(stack: Stack, services: Services): Promise<readonly Figure[]> {
  await publishLarge(services);
  const copies = await startPlainCopies(stack, services);
  const times = (name: string, model: string, rounds: number, atOnce = 1) =>
    timesACopy({ stack, services, copies }, { name, model, rounds, atOnce });
  try {
    return [
      await times('28mb', '28mb', 5),
      await times('3mb', '3mb', 5),
      await times(LARGE, LARGE, 3),
      await times('28mb.8_at_once', '28mb', 3, AT_ONCE),
    ];
  } finally {
    copies.stop();
  }
}

/** Larger than any model at hand: bytes of which nothing is known, so that all of them are weights. */
async function publishLarge(services: Services): Promise<void> {
  const bytes = randomBytes(LARGE_PIECES * PIECE_BYTES);
  await publishBytes(services, LARGE, bytes, { version: '1', format: 'opaque' });
}

interface Contest {
  readonly stack: Stack;
  readonly services: Services;
  readonly copies: PlainCopies;
}

interface Round {
  readonly name: string;
  readonly model: string;
  readonly rounds: number;
  /** Phones that each get the model at the same time. */
  readonly atOnce: number;
}

async function timesACopy(
  { stack, services, copies }: Contest,
  { name, model, rounds, atOnce }: Round,
): Promise<Figure> {
  const record = await services.documents.get(modelPath(model));
  const { vaultObject, sizeBytes } = versionFor(record, 'latest', '', new Date());
  const users = Array.from({ length: atOnce }, (_, index) => `copies-${name}-${index}`);
  const phones = await Promise.all(users.map((user) => enrolled(stack, user)));
  const all = (urlFor: (phone: EnrolledPhone) => Promise<string>) => async () => {
    await Promise.all(
      phones.map(async (phone) => drain(await phone.api.download(await urlFor(phone)))),
    );
  };
  const times = await race(sizeBytes * atOnce, rounds, {
    grant: all(async ({ client }) => (await client.grant(model)).url),
    copy: all(({ token }) => copies.copy(vaultObject, token)),
  });
  return {
    name: `grant.x_plain_copy.${name}`,
    value: times.ratio('copy', 'grant'),
    unit: '×',
    note: `grant and download, to a plain copy for a known user and its download; ${stack.mode}`,
  };
}

type EnrolledPhone = BenchPhone & { readonly token: string };

async function enrolled(stack: Stack, user: string): Promise<EnrolledPhone> {
  const token = await stack.token(user);
  const platform = genuineIphone(stack);
  const phone = benchPhone(stack.baseUrl, token, platform);
  await phone.client.enrol();
  return { ...phone, token };
}
