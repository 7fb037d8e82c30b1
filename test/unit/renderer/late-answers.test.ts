/** Answers that come when the user has asked for something else: the last thing asked for is what is shown. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAttacks } from '../../../src-renderer/state/attacks.svelte.ts';
import type { Host } from '../../../src-renderer/state/connection.ts';
import { chooseLanguage, language } from '../../../src-renderer/state/language.svelte.ts';
import { createRouter } from '../../../src-renderer/state/route.svelte.ts';

afterEach(() => vi.unstubAllGlobals());

/** A host whose answers come when the test says so; what it streams has ended. */
function slowHost(): { readonly host: Host; answer(name: string, value: unknown): Promise<void> } {
  const asked: { readonly name: string; readonly give: (value: unknown) => void }[] = [];
  const host = {
    call: (procedure: string, input: { readonly id?: string }) =>
      new Promise((give) => asked.push({ name: [procedure, input.id].filter(Boolean).join(' '), give })),
    async *stream() {},
  } as unknown as Host;
  return {
    host,
    async answer(name, value) {
      await vi.waitFor(() => expect(asked.map((one) => one.name)).toContain(name));
      const [one] = asked.splice(
        asked.findIndex((each) => each.name === name),
        1,
      );
      one.give(value);
      await new Promise((next) => setTimeout(next));
    },
  };
}

const matrix = (id: string): unknown => ({ summary: { id } });

describe('matrices of planted attacks', () => {
  it('show the one that was asked for last, whichever answer comes last', async () => {
    const { host, answer } = slowHost();
    const attacks = createAttacks(host);
    await answer('attacks.list', []);
    void attacks.show('a');
    void attacks.show('b');
    await answer('attacks.get b', matrix('b'));
    await answer('attacks.get a', matrix('a'));
    expect(attacks.shown).toEqual(matrix('b'));
    attacks.stop();
  });

  it('do not open the newest where another was asked for before the list came', async () => {
    const { host, answer } = slowHost();
    const attacks = createAttacks(host);
    void attacks.show('b');
    await answer('attacks.list', [{ id: 'newest' }]);
    await answer('attacks.get b', matrix('b'));
    expect(attacks.shown).toEqual(matrix('b'));
    attacks.stop();
  });

  it('do not come back to a started one from another that was opened meanwhile', async () => {
    const { host, answer } = slowHost();
    const attacks = createAttacks(host);
    await answer('attacks.list', []);
    const started = attacks.start({} as Parameters<typeof attacks.start>[0]);
    await answer('attacks.start', { id: 'new' });
    await started;
    void attacks.show('b');
    await answer('attacks.list', [{ id: 'new' }, { id: 'b' }]);
    await answer('attacks.get b', matrix('b'));
    expect(attacks.shown).toEqual(matrix('b'));
    expect(attacks.list).toHaveLength(2);
    attacks.stop();
  });
});

describe('the language', () => {
  beforeEach(() => {
    vi.stubGlobal('document', { documentElement: { lang: '' } });
    vi.stubGlobal('localStorage', { setItem: () => undefined });
  });

  it('is the one chosen last, though the catalogue of the one before comes later', async () => {
    const german = chooseLanguage('de');
    const english = chooseLanguage('en');
    await english;
    await german;
    expect([language(), document.documentElement.lang]).toEqual(['en', 'en']);
    await chooseLanguage('de');
    expect([language(), document.documentElement.lang]).toEqual(['de', 'de']);
    // The tests of other files speak English.
    await chooseLanguage('en');
  });
});

describe('the router', () => {
  it('is where it was sent at once, before the browser says that the address changed', () => {
    const heard: (() => void)[] = [];
    vi.stubGlobal('location', { hash: '' });
    vi.stubGlobal('window', {
      addEventListener: (_: string, follow: () => void) => heard.push(follow),
      removeEventListener: () => heard.splice(0),
    });
    const router = createRouter();
    expect(router.current).toEqual({ view: 'start' });
    router.go({ view: 'history' });
    const there = router.current;
    expect(there).toEqual({ view: 'history' });
    // Told once more of the same place, it is the same: nothing that depends on it is done twice.
    for (const follow of heard) follow();
    expect(router.current).toBe(there);
    location.hash = '#/runs/a/sifting';
    for (const follow of heard) follow();
    expect(router.current).toEqual({ view: 'sifting', runId: 'a' });
    router.stop();
    expect(heard).toEqual([]);
  });
});
