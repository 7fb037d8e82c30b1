declare module '*.css';

interface Window {
  /** Present under Electron only (preload.ts). */
  readonly coresiftDesktop?: { requestPort(): void };
}
