declare module '*.css';

interface Window {
  /** Present under Electron only (preload.ts). */
  readonly coresiftDesktop?: {
    requestPort(): void;
    /** Gives a dropped file's path to the main process; answers the token that stands for it, never the path. */
    takeFile(file: File): Promise<string>;
  };
}
