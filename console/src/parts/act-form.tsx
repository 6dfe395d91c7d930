/** Something that changes: what, for how long and why, in a dialog; and the way through a fresh sign-in where it is needed. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Session } from '../api.ts';
import { Refusal } from '../api.ts';
import { startSignIn } from '../sign-in.ts';

export interface Change {
  readonly title: string;
  /** What follows from it, in a sentence. */
  readonly consequence: string;
  readonly button: string;
  readonly isDangerous: boolean;
  /** Asked for where it holds for a time. */
  readonly hours?: number;
  readonly needsStepUp: boolean;
  readonly carryOut: (given: { readonly hours: number; readonly reason: string }) => Promise<void>;
}

/** What begins a change, and its dialog while there is one; `onDone` is called once it was carried out. */
export function useChange(session: Session, onDone: () => void) {
  const [change, setChange] = useState<Change>();
  const close = (isDone: boolean) => {
    setChange(undefined);
    if (isDone) onDone();
  };
  const dialog = change && <ActDialog change={change} session={session} onClose={close} />;
  return { begin: setChange, dialog } as const;
}

function ActDialog({
  change,
  session,
  onClose,
}: {
  readonly change: Change;
  readonly session: Session;
  /** True where it was done. */
  readonly onClose: (isDone: boolean) => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState('');
  const [hours, setHours] = useState(String(change.hours ?? 1));
  const [error, setError] = useState<Refusal>();
  const [isBusy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const isStale =
    error?.code === 'sign_in_again' ||
    (change.needsStepUp && Date.parse(session.stepUpUntil) <= Date.now());

  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await change.carryOut({ hours: Number(hours), reason });
      onClose(true);
    } catch (thrown) {
      setError(thrown instanceof Refusal ? thrown : new Refusal('internal', String(thrown)));
    } finally {
      setBusy(false);
    }
  };

  return (
    <dialog ref={dialog} aria-labelledby="act-title" onClose={() => onClose(false)}>
      <h2 id="act-title">{change.title}</h2>
      <p>{change.consequence}</p>
      {isStale ? (
        <>
          <p class="notice warn" role="alert">
            This needs a sign-in of the last minutes. You come back to this page.
          </p>
          <div class="buttons">
            <button type="button" onClick={() => onClose(false)}>
              Cancel
            </button>
            <button type="button" class="primary" onClick={() => void startSignIn(session.email)}>
              Sign in again
            </button>
          </div>
        </>
      ) : (
        <form onSubmit={(event) => void submit(event)}>
          {change.hours !== undefined && (
            <label>
              Hours
              <input
                type="number"
                min={1}
                max={2160}
                required
                value={hours}
                onInput={(event) => setHours(event.currentTarget.value)}
              />
            </label>
          )}
          <label>
            Reason, for the audit log
            <textarea
              required
              minLength={3}
              maxLength={500}
              rows={3}
              value={reason}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          </label>
          <p class="muted small">Names and addresses of users do not belong here.</p>
          {error && (
            <p class="notice bad" role="alert">
              {error.message}
            </p>
          )}
          <div class="buttons">
            <button type="button" onClick={() => onClose(false)}>
              Cancel
            </button>
            <button
              type="submit"
              class={change.isDangerous ? 'danger' : 'primary'}
              disabled={isBusy}
            >
              {change.button}
            </button>
          </div>
        </form>
      )}
    </dialog>
  );
}
