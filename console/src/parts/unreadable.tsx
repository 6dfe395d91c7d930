/** What is stored and cannot be read: said, so that nobody takes a list for whole. Says nothing where there is none. */
export function Unreadable({ of: paths }: { readonly of: readonly string[] }) {
  if (paths.length === 0) return null;
  return (
    <div class="notice bad" role="alert">
      <p>Broken, and not shown: what is stored there cannot be read.</p>
      <ul>
        {paths.map((path) => (
          <li key={path}>
            <code>{path}</code>
          </li>
        ))}
      </ul>
    </div>
  );
}
