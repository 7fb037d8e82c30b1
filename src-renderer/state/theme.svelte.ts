/** Light, dark, or what the system says; remembered on this machine. */
export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const key = 'coresift.theme';

export function createTheme(): { readonly current: Theme; readonly following: Theme; choose(theme: Theme): void } {
  const stored = localStorage.getItem(key);
  let current = $state<Theme>(themes.find((theme) => theme === stored) ?? 'system');
  const apply = (): void => {
    if (current === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = current;
  };
  const choose = (theme: Theme): void => {
    current = theme;
    localStorage.setItem(key, theme);
    apply();
  };
  apply();
  return {
    get current() {
      return current;
    },
    choose,
    get following() {
      return themes[(themes.indexOf(current) + 1) % themes.length] ?? 'system';
    },
  };
}
