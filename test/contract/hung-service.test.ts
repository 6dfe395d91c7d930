import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';

interface Outcome {
  readonly name: string;
  readonly outcome: string;
  readonly elapsedMs: number;
}

describe('against a service that never answers', () => {
  let outcomes: readonly Outcome[];

  beforeAll(async () => {
    const script = fileURLToPath(new URL('./hung-service.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [script]);
    outcomes = JSON.parse(stdout) as Outcome[];
  });

  it.each([
    ['documents.get', 'firestore_get_timed_out'],
    ['documents.create', 'firestore_create_timed_out'],
    ['documents.query', 'firestore_query_timed_out'],
    ['documents.transaction', 'firestore_transaction_timed_out'],
    ['keys.wrap', 'kms_encrypt_timed_out'],
    ['keys.unwrap', 'kms_decrypt_timed_out'],
    ['keys.sign', 'kms_sign_timed_out'],
    ['keys.publicKeys', 'kms_public_keys_timed_out'],
    ['publisher.publish', 'pubsub_publish_timed_out'],
    ['objects.read', 'storage_read_timed_out'],
    ['objects.write', 'storage_write_timed_out'],
    ['objects.stat', 'storage_stat_timed_out'],
    ['objects.delete', 'storage_delete_timed_out'],
    ['objects.list', 'storage_list_timed_out'],
  ])('%s becomes unavailable', (name, reason) => {
    const seen = outcomes.find((each) => each.name === name);
    expect(seen?.outcome).toBe(`unavailable: ${reason}`);
    expect(seen?.elapsedMs).toBeLessThan(10_000);
  });
});
