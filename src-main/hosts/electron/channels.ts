/** The only messages between Electron's main process and a preload: a wish for a port, the port, and a dropped file. */
export const connectChannel = 'coresift:connect';
export const takeChannel = 'coresift:take';
export const portMessage = 'coresift:port';
