/** What is asked of the function when a page opens, and what is shown until it answers. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { api, Refusal } from '../api.ts';

interface Loading<T> {
  readonly data?: T;
  readonly error?: Refusal;
  readonly reload: () => void;
}

/** Asks at once and whenever `path` changes. The last answer stays while the next is awaited. */
export function useAnswer<T>(path: string): Loading<T> {
  const [state, setState] = useState<{ path?: string; data?: T; error?: Refusal }>({});
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let isCurrent = true;
    api.get<T>(path).then(
      (data) => isCurrent && setState({ path, data }),
      (error: unknown) =>
        isCurrent &&
        setState({
          path,
          error: error instanceof Refusal ? error : new Refusal('internal', String(error)),
        }),
    );
    return () => {
      isCurrent = false;
    };
  }, [path, turn]);
  const { path: answered, ...rest } = state;
  const shown = answered === path ? rest : {};
  return { ...shown, reload: () => setTurn((n) => n + 1) };
}

/** A page whose heading is there at once, and what it shows once it is loaded. */
export function Loaded<T>({
  of: { data, error },
  children,
}: {
  readonly of: Loading<T>;
  readonly children: (data: T) => ComponentChildren;
}) {
  if (error) {
    return (
      <p class="notice bad" role="alert">
        {error.code === 'role_missing' ? 'Your roles do not include this page.' : error.message}
      </p>
    );
  }
  if (data === undefined) {
    return (
      <p class="notice" role="status">
        Loading…
      </p>
    );
  }
  return <>{children(data)}</>;
}
