/** Where the page is, kept in the fragment of the address so that back, forward and reload work. */
export const runViews = [
  'overview',
  'run',
  'sifting',
  'channels',
  'bootstrap',
  'suspects',
  'opinions',
  'report',
] as const;
export type RunViewName = (typeof runViews)[number];
export const plainViews = ['start', 'new', 'inspect', 'attacks', 'compare', 'history', 'help', 'settings'] as const;
export type PlainViewName = (typeof plainViews)[number];
export type ViewName = RunViewName | PlainViewName;
export type Route = { readonly view: PlainViewName } | { readonly view: RunViewName; readonly runId: string };

export function parseRoute(hash: string): Route {
  const [first, id, view] = hash.replace(/^#\/?/, '').split('/');
  const plain = plainViews.find((name) => name === first);
  if (plain !== undefined) return { view: plain };
  if (first !== 'runs' || id === undefined || id === '') return { view: 'start' };
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
  if ('runId' in route) return `#/runs/${encodeURIComponent(route.runId)}/${route.view}`;
  return route.view === 'start' ? '#/' : `#/${route.view}`;
}

/** The current route; follows the address. */
export function createRouter(): { readonly current: Route; go(route: Route): void; stop(): void } {
  let current = $state.raw(parseRoute(location.hash));
  const follow = (): void => {
    const next = parseRoute(location.hash);
    // Told twice of the same place, nothing that depends on it is done twice.
    if (routeHref(next) !== routeHref(current)) current = next;
  };
  window.addEventListener('hashchange', follow);
  return {
    get current() {
      return current;
    },
    go(route) {
      location.hash = routeHref(route);
      // The browser's word comes a while later; who goes on at once must not meet the view that was left.
      follow();
    },
    stop: () => window.removeEventListener('hashchange', follow),
  };
}
