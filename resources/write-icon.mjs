// `npm run icon [FILE]`: draws resources/icon.png, from which electron-builder makes the icons of every platform.
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

/** 1024 x 1024: the largest that any platform asks for. */
await sharp(at('../src-renderer/icon.svg'), { density: 72 * 16 })
  .resize(1024, 1024)
  .png()
  .toFile(process.argv[2] ?? at('icon.png'));
