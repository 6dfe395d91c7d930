/** Topics and push subscriptions in the Pub/Sub emulator, by its REST API. */

export interface TopicsOptions {
  /** `http://127.0.0.1:port`. */
  readonly endpoint: string;
  readonly projectId: string;
  readonly topics: readonly string[];
}

/** Makes the topics that are not there yet. */
export async function createTopics({ endpoint, projectId, topics }: TopicsOptions): Promise<void> {
  await Promise.all(
    topics.map((topic) => put(`${endpoint}/v1/projects/${projectId}/topics/${topic}`, {})),
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
  await put(url, {
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

async function put(url: string, body: object): Promise<void> {
  const response = await fetch(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok && response.status !== 409) throw new Error(`${url}: ${text}`);
}
