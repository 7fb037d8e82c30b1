/** What the menus of the desktop application ask of its page: one message, a name out of this list. */
export const pageCommands = [
  'start',
  'new',
  'history',
  'settings',
  'help',
  'palette',
  'keys',
  'reload-project',
] as const;
export type PageCommand = (typeof pageCommands)[number];
