import { beforeEach, describe, expect, it } from 'vitest';
import { NoToken, takeToken } from '../../../src-renderer/state/connection.ts';
import { parseRoute, routeHref } from '../../../src-renderer/state/route.svelte.ts';

const token = 'aB3_-'.repeat(9).slice(0, 43);

describe('the token of the address', () => {
  let kept: Map<string, string>;
  let replaced: string[];
  const take = (hash: string): string =>
    takeToken(
      { hash, pathname: '/' } as Location,
      { replaceState: (_state: unknown, _title: string, url: string) => replaced.push(url) } as unknown as History,
      {
        getItem: (key: string) => kept.get(key) ?? null,
        setItem: (key: string, value: string) => void kept.set(key, value),
      } as unknown as Storage,
    );
  beforeEach(() => {
    kept = new Map();
    replaced = [];
  });

  it('is moved to the storage of the tab and taken out of the address', () => {
    expect(take(`#token=${token}`)).toBe(token);
    expect(replaced).toEqual(['/#/']);
    expect([...kept.values()]).toEqual([token]);
  });

  it('is found again after a reload', () => {
    take(`#token=${token}`);
    expect(take('#/runs/a/run')).toBe(token);
    expect(replaced).toHaveLength(1);
  });

  it.each(['', '#', '#/', '#token=', `#token=${token}x`, `#token=${token.slice(1)}`, `#token=${'%41'.repeat(15)}`])(
    'is missed in %j',
    (hash) => expect(() => take(hash)).toThrow(NoToken),
  );
});

describe('routes', () => {
  it.each([
    ['', { view: 'start' }],
    ['#/', { view: 'start' }],
    ['#/runs', { view: 'start' }],
    ['#/history', { view: 'history' }],
    ['#/runs/a/sifting', { view: 'sifting', runId: 'a' }],
    ['#/runs/', { view: 'start' }],
    ['#/runs/a%2Fb', { view: 'overview', runId: 'a/b' }],
    ['#/runs/a/run', { view: 'run', runId: 'a' }],
    ['#/runs/a/report', { view: 'report', runId: 'a' }],
    ['#/runs/a/__proto__', { view: 'overview', runId: 'a' }],
    ['#/runs/%zz/run', { view: 'start' }],
  ])('%s is read', (hash, route) => expect(parseRoute(hash)).toEqual(route));

  it('are written as they are read', () => {
    const route = { view: 'run', runId: 'a/b c' } as const;
    expect(parseRoute(routeHref(route))).toEqual(route);
  });
});
