/** Path of Electron's executable; null when this machine has none. Downloads nothing. */
export function findElectron(environment?: NodeJS.ProcessEnv): string | null;
