/** The switches the packaged application may be started with. Whoever writes its command line may be a stranger. */
import type { App } from 'electron';

/**
 * Switches that open the application to other programs or take a wall away. They stand outside `allowed` as any other
 * does; they are asked for by name too, so that they are met by whatever way they came to Chromium.
 */
const walls = [
  'remote-debugging-port',
  'remote-debugging-pipe',
  'remote-debugging-address',
  'remote-allow-origins',
  'inspect',
  'inspect-brk',
  'inspect-port',
  'js-flags',
  'no-sandbox',
  'disable-web-security',
  'disable-site-isolation-trials',
  'allow-file-access-from-files',
  'ignore-certificate-errors',
  'load-extension',
  'proxy-server',
  'proxy-pac-url',
  'host-rules',
  'gpu-launcher',
  'renderer-cmd-prefix',
  'utility-cmd-prefix',
] as const;

const allowed: ReadonlySet<string> = new Set([
  // What Chromium, installers and the systems add to a start of their own accord.
  'original-process-start-time',
  'squirrel-install',
  'squirrel-updated',
  'squirrel-uninstall',
  'squirrel-obsolete',
  'squirrel-firstrun',
  'updated',
  'embedding',
  // What a screen, a driver, a screen reader or a key store may need before there is a page to set it on.
  'disable-gpu',
  'force-device-scale-factor',
  'force-renderer-accessibility',
  'lang',
  'ozone-platform',
  'ozone-platform-hint',
  'password-store',
  // Where the application keeps what is its own: a second installation, a stick.
  'user-data-dir',
]);

/** Process serial number, which macOS gave to what its Finder starts. */
const serialNumber = /^psn_\d+_\d+$/;

const isAllowed = (name: string): boolean => allowed.has(name) || serialNumber.test(name);

/** Names of the switches in a command line, as Chromium reads it: nothing after "--" is one, and on Windows "/" begins one too. */
function switchesIn(argv: readonly string[], platform: NodeJS.Platform): string[] {
  const names: string[] = [];
  for (const argument of argv.slice(1)) {
    if (argument === '--') break;
    const name = (platform === 'win32' ? /^(?:--|-|\/)([^=]+)/ : /^(?:--|-)([^=]+)/).exec(argument)?.[1];
    // Chromium knows no difference of letters there.
    if (name !== undefined) names.push(platform === 'win32' ? name.toLowerCase() : name);
  }
  return names;
}

/**
 * The first switch the application was started with that it does not run under; null when there is none. Only packaged:
 * tests drive the unpacked application through some of them. As root Chromium asks for `no-sandbox`; do not be root.
 */
export function refusedSwitch(
  app: Pick<App, 'isPackaged' | 'commandLine'>,
  argv: readonly string[],
  platform: NodeJS.Platform,
): string | null {
  if (!app.isPackaged) return null;
  const wall = walls.find((name) => app.commandLine.hasSwitch(name));
  return wall ?? switchesIn(argv, platform).find((name) => !isAllowed(name)) ?? null;
}

/**
 * Takes every switch that is refused from Chromium, so that none works while a dialog says why nothing starts. Must run
 * before `ready`. `no-sandbox` stays: the process that starts others was begun under it, and nothing is shown that needs one.
 */
export function disarm(app: Pick<App, 'commandLine'>, argv: readonly string[], platform: NodeJS.Platform): void {
  for (const name of [...walls, ...switchesIn(argv, platform)]) {
    if (!isAllowed(name) && name !== 'no-sandbox') app.commandLine.removeSwitch(name);
  }
}
