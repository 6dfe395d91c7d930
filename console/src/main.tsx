import { render } from 'preact';
import { api, Refusal } from './api.ts';
import { App } from './app.tsx';
import { finishSignIn } from './sign-in.ts';
import './style.css';

const place = document.getElementById('app');
if (!place) throw new Error('the page has no place for the console');
try {
  render(<App session={(await finishSignIn()) ?? (await api.session())} />, place);
} catch (error) {
  // Who has no session yet has done nothing wrong.
  const isNew = error instanceof Refusal && error.code === 'session_required';
  render(<App {...(!isNew && { problem: (error as Error).message })} />, place);
}
