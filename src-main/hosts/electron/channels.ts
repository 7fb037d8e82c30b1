/** The only messages between Electron's main process and a preload: a wish for a port, and the port. */
export const connectChannel = 'coresift:connect';
export const portMessage = 'coresift:port';
