/** A Pub/Sub service of one's own making for Google's client: it takes its time, or refuses. */
import { createRequire } from 'node:module';
import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';

interface PublishCall {
  readonly request: { readonly messages: readonly { readonly data: Buffer }[] };
}
type PublishAnswer = (error: { code: number } | null, answer?: { messageIds: string[] }) => void;

export interface PubsubDouble {
  readonly url: string;
  /** What was taken, parsed. */
  readonly taken: unknown[];
  /** Calls that came in, whether they were answered yet or not. */
  calls(): number;
  stop(): void;
}

/** Answers each Publish call after `delayMs`; `refuse` is a gRPC status in place of a message id. */
export async function startPubsubDouble(delayMs: number, refuse?: number): Promise<PubsubDouble> {
  const require = createRequire(import.meta.url);
  const protos = require('@google-cloud/pubsub/build/protos/protos.json') as Parameters<
    typeof fromJSON
  >[0];
  const service = loadPackageDefinition(fromJSON(protos, { keepCase: false })) as unknown as {
    google: { pubsub: { v1: { Publisher: { service: ServiceDefinition } } } };
  };
  const taken: unknown[] = [];
  let calls = 0;
  const server = new Server();
  server.addService(service.google.pubsub.v1.Publisher.service, {
    publish({ request: { messages } }: PublishCall, answer: PublishAnswer) {
      calls += 1;
      setTimeout(() => {
        if (refuse !== undefined) return answer({ code: refuse });
        taken.push(...messages.map(({ data }) => JSON.parse(data.toString()) as unknown));
        answer(null, { messageIds: messages.map((_, i) => `${calls}-${i}`) });
      }, delayMs);
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    url: `http://127.0.0.1:${port}`,
    taken,
    calls: () => calls,
    stop: () => server.forceShutdown(),
  };
}
