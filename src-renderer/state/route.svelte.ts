/** Where the page is, kept in the fragment of the address so that back, forward and reload work. */
export const runViews = ['overview', 'run', 'report'] as const;
export type RunViewName = (typeof runViews)[number];
export type Route = { readonly view: 'start' } | { readonly view: RunViewName; readonly runId: string };

export function parseRoute(hash: string): Route {
  const [runs, id, view] = hash.replace(/^#\/?/, '').split('/');
  if (runs !== 'runs' || id === undefined || id === '') return { view: 'start' };
  const named = runViews.find((name) => name === view);
  let runId: string;
  try {
    runId = decodeURIComponent(id);
  } catch {
    return { view: 'start' };
  }
  return { view: named ?? 'overview', runId };
}

export function routeHref(route: Route): string {
  return route.view === 'start' ? '#/' : `#/runs/${encodeURIComponent(route.runId)}/${route.view}`;
}

/** The current route; follows the address. */
export function createRouter(): { readonly current: Route; go(route: Route): void; stop(): void } {
  let current = $state.raw(parseRoute(location.hash));
  const follow = (): void => {
    current = parseRoute(location.hash);
  };
  window.addEventListener('hashchange', follow);
  return {
    get current() {
      return current;
    },
    go(route) {
      location.hash = routeHref(route);
    },
    stop: () => window.removeEventListener('hashchange', follow),
  };
}
