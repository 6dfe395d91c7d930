/** A module in a process of its own, so that its share of the machine's time can be told. */
import { fork } from 'node:child_process';
import { once } from 'node:events';

/** What a worker does: async functions by name, whose arguments and results can be cloned. */
export type Methods = Readonly<Record<string, (argument: never) => unknown>>;

export interface Worker<M extends Methods> {
  call<Name extends keyof M & string>(
    name: Name,
    argument: Parameters<M[Name]>[0],
  ): Promise<Awaited<ReturnType<M[Name]>>>;
  stop(): Promise<void>;
}

interface Call {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}
type Answer = { readonly id: number } & ({ readonly result: unknown } | { readonly error: Error });

/** Runs `module`, which calls `serveWorker`; its calls fail where it ends or throws. */
export async function startWorker<M extends Methods>(
  module: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Worker<M>> {
  const child = fork(module, {
    // Nothing of this process's environment but where programs lie.
    env: { PATH: process.env['PATH'] ?? '', NO_PROXY: '*', ...env },
    execArgv: ['--disable-warning=ExperimentalWarning'],
    serialization: 'advanced',
  });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  child.on('message', (answer: Answer) => {
    const call = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('error' in answer) call?.reject(answer.error);
    else call?.resolve(answer.result);
  });
  child.once('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`${module} ended with ${code}`));
  });
  let calls = 0;
  return {
    call(name, argument) {
      const call = Promise.withResolvers<unknown>();
      const id = ++calls;
      waiting.set(id, call);
      child.send({ id, name, argument } satisfies Call);
      return call.promise as ReturnType<Worker<M>['call']> as never;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

/** Answers the calls of the process that started this one, and ends with it. */
export function serveWorker(methods: Methods): void {
  process.on('message', async ({ id, name, argument }: Call) => {
    let answer: Answer;
    try {
      answer = { id, result: await methods[name]?.(argument as never) };
    } catch (error) {
      answer = { id, error: error instanceof Error ? error : new Error(String(error)) };
    }
    process.send?.(answer);
  });
  process.once('disconnect', () => process.exit());
}
