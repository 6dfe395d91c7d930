/** Topics and push subscriptions in the Pub/Sub emulator, by its REST API. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface TopicsOptions {
  /** `http://127.0.0.1:port`. */
  readonly endpoint: string;
  readonly projectId: string;
  readonly topics: readonly string[];
}

const EVENT_SCHEMA = join(import.meta.dirname, '../../infra/pubsub/event.avsc');

/** Makes the topics that are not there yet; `events` takes what keeps to its schema only, as in infra/. */
export async function createTopics({ endpoint, projectId, topics }: TopicsOptions): Promise<void> {
  const project = `projects/${projectId}`;
  const definition = await readFile(EVENT_SCHEMA, 'utf8');
  const schema = { type: 'AVRO', definition };
  await send('POST', `${endpoint}/v1/${project}/schemas?schemaId=event`, schema);
  const schemaSettings = { schema: `${project}/schemas/event`, encoding: 'JSON' };
  await Promise.all(
    topics.map((topic) =>
      send(
        'PUT',
        `${endpoint}/v1/${project}/topics/${topic}`,
        topic === 'events' ? { schemaSettings } : {},
      ),
    ),
  );
}

export interface PushOptions {
  readonly endpoint: string;
  readonly projectId: string;
  readonly topic: string;
  readonly subscription: string;
  /** The function's URL. */
  readonly target: string;
  readonly deadLetterTopic: string;
}

/** Pushes the topic's messages to a function; an older subscription of the name is replaced. */
export async function pushTo(options: PushOptions): Promise<void> {
  const project = `projects/${options.projectId}`;
  const url = `${options.endpoint}/v1/${project}/subscriptions/${options.subscription}`;
  await fetch(url, { method: 'DELETE' });
  await send('PUT', url, {
    topic: `${project}/topics/${options.topic}`,
    // The Functions Framework makes the CloudEvent's source of this path.
    pushConfig: { pushEndpoint: `${options.target}/${project}/topics/${options.topic}` },
    ackDeadlineSeconds: 30,
    retryPolicy: { minimumBackoff: '1s', maximumBackoff: '60s' },
    deadLetterPolicy: {
      deadLetterTopic: `${project}/topics/${options.deadLetterTopic}`,
      maxDeliveryAttempts: 5,
    },
  });
}

/** Keeps the messages of a topic until somebody pulls them, under a subscription of the topic's name. */
export async function holdMessagesOf({
  endpoint,
  projectId,
  topic,
}: Pick<PushOptions, 'endpoint' | 'projectId' | 'topic'>): Promise<void> {
  await send('PUT', `${endpoint}/v1/projects/${projectId}/subscriptions/${topic}`, {
    topic: `projects/${projectId}/topics/${topic}`,
    ackDeadlineSeconds: 600,
  });
}

/** What is there already stays as it is. */
async function send(method: 'PUT' | 'POST', url: string, body: object): Promise<void> {
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok && response.status !== 409) throw new Error(`${url}: ${text}`);
}
