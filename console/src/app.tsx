/** The frame of every page: who is signed in, where one can go, and what is shown. */
import type { ComponentChild } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { api, type Session } from './api.ts';
import { CasesPage } from './pages/cases.tsx';
import { HealthPage } from './pages/health.tsx';
import { LeaksPage } from './pages/leaks.tsx';
import { ModelsPage } from './pages/models.tsx';
import { OverviewPage } from './pages/overview.tsx';
import { RulesPage } from './pages/rules.tsx';
import { SubjectPage, SubjectSearch } from './pages/subject.tsx';
import { startSignIn } from './sign-in.ts';

type Operation = Session['operations'][number];

const PAGES: readonly (readonly [path: string, name: string, operation: Operation])[] = [
  ['', 'Overview', 'overview.read'],
  ['cases', 'Cases', 'cases.read'],
  ['subjects', 'Subjects', 'subject.read'],
  ['models', 'Models', 'models.read'],
  ['rules', 'Rules', 'rules.read'],
  ['leaks', 'Leaks', 'leaks.read'],
  ['health', 'Keys and health', 'health.read'],
];

/** The parts of the fragment, such as `subjects` and a key. */
const placeOf = (hash: string): readonly [page: string, item: string] => {
  const [page = '', item = ''] = hash.replace(/^#?\/?/, '').split('/');
  return [page, decodeURIComponent(item)];
};

export function App({
  session: given,
  problem,
}: {
  readonly session?: Session;
  readonly problem?: string;
}) {
  const [session, setSession] = useState(given);
  const [place, setPlace] = useState(placeOf(location.hash));
  const main = useRef<HTMLElement>(null);
  const [page, item] = place;
  useEffect(() => {
    const move = () => {
      setPlace(placeOf(location.hash));
      main.current?.focus();
      scrollTo(0, 0);
    };
    addEventListener('hashchange', move);
    return () => removeEventListener('hashchange', move);
  }, []);
  const name = PAGES.find(([path]) => path === page)?.[1] ?? 'Not found';
  useEffect(() => {
    document.title = `${session ? name : 'Sign in'} · modelseal console`;
  }, [name, session]);
  // A session ends by itself; the page then says so at once, and not with the next click.
  useEffect(() => {
    if (!session) return;
    const leftMs = Date.parse(session.expiresAt) - Date.now();
    const timer = setTimeout(() => setSession(undefined), Math.min(leftMs, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  }, [session]);

  if (!session) return <SignIn problem={problem} />;
  const signOut = async () => {
    await api.endSession();
    setSession(undefined);
  };
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header>
        <span class="brand">modelseal</span>
        <nav aria-label="Pages">
          {PAGES.filter(([, , operation]) => session.operations.includes(operation)).map(
            ([path, title]) => (
              <a key={path} href={`#/${path}`} aria-current={path === page ? 'page' : undefined}>
                {title}
              </a>
            ),
          )}
        </nav>
        <span class="who">
          <span class="email">{session.email}</span>{' '}
          <span class="muted">{session.roles.join(', ')}</span>
        </span>
        <button type="button" onClick={() => void signOut()}>
          Sign out
        </button>
      </header>
      <main ref={main} id="main" tabIndex={-1}>
        {contentOf(page, item, session)}
      </main>
    </>
  );
}

function contentOf(page: string, item: string, session: Session): ComponentChild {
  switch (page) {
    case '':
      return <OverviewPage />;
    case 'cases':
      return <CasesPage session={session} />;
    case 'subjects':
      return item ? <SubjectPage key={item} subject={item} session={session} /> : <SubjectSearch />;
    case 'models':
      return <ModelsPage session={session} />;
    case 'rules':
      return <RulesPage session={session} />;
    case 'leaks':
      return <LeaksPage session={session} />;
    case 'health':
      return <HealthPage />;
    default:
      return <h1>There is no such page</h1>;
  }
}

function SignIn({ problem }: { readonly problem: string | undefined }) {
  const [error, setError] = useState(problem);
  return (
    <main class="sign-in">
      <h1>modelseal console</h1>
      <p>For operators, analysts and publishers. What you do here is in the audit log.</p>
      {error && (
        <p class="notice bad" role="alert">
          {error}
        </p>
      )}
      <button
        type="button"
        class="primary"
        onClick={() => void startSignIn().catch((thrown: Error) => setError(thrown.message))}
      >
        Sign in
      </button>
    </main>
  );
}
