/**
 * The only messages between Electron's main process and a preload: a wish for a port, the port, a dropped file, a file to
 * be chosen or saved in a native dialog, a menu's command.
 */
export const connectChannel = 'coresift:connect';
export const takeChannel = 'coresift:take';
export const chooseChannel = 'coresift:choose';
export const saveChannel = 'coresift:save';
export const portMessage = 'coresift:port';
export const commandMessage = 'coresift:command';
