/** All views but the first one, and the sheet beside them, in one part of the page that comes after the frame stands. */
export { default as SampleSheet } from './components/SampleSheet.svelte';
export { default as Attacks } from './views/attacks/Attacks.svelte';
export { default as Bootstrap } from './views/bootstrap/Bootstrap.svelte';
export { default as Channels } from './views/channels/Channels.svelte';
export { default as Compare } from './views/compare/Compare.svelte';
export { default as Help } from './views/help/Help.svelte';
export { default as History } from './views/history/History.svelte';
export { default as Inspect } from './views/inspect/Inspect.svelte';
export { default as NewAudit } from './views/new/NewAudit.svelte';
export { default as Opinions } from './views/opinions/Opinions.svelte';
export { default as Overview } from './views/overview/Overview.svelte';
export { default as Report } from './views/report/Report.svelte';
export { default as Run } from './views/run/Run.svelte';
export { default as Settings } from './views/settings/Settings.svelte';
export { default as Sifting } from './views/sifting/Sifting.svelte';
export { default as Suspects } from './views/suspects/Suspects.svelte';
