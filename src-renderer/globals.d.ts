declare module '*.css';

interface Window {
  /** Present under Electron only (preload.ts). */
  readonly coresiftDesktop?: {
    requestPort(): void;
    /** Told of what the native menu asks for, until the returned function is called. */
    onCommand(listener: (command: import('../src-shared/page-commands.ts').PageCommand) => void): () => void;
    /** Gives a dropped file's path to the main process; answers the token that stands for it, never the path. */
    takeFile(file: File): Promise<string>;
    /** Lets the user choose in a native dialog; answers the token of what was chosen, null for nothing. */
    chooseFile(kind: import('../src-shared/desktop-files.ts').FileKind): Promise<string | null>;
    /** Lets the user say in a native dialog where a text is saved. */
    saveFile(name: string, text: string): Promise<import('../src-shared/desktop-files.ts').Saved>;
  };
}
