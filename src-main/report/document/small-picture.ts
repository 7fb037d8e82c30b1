/** Small pictures of the record as PNG (base64), every pixel a sharp square. */
import { PNG } from 'pngjs';
import type { Picture } from '../../../src-shared/domain/result.ts';

/** Side that a picture is enlarged towards, by whole factors. */
const side = 84;

/** @throws RangeError when the bytes are not those of the sizes */
export function picturePng({ channels, height, width, bytes }: Picture): string {
  if (bytes.length !== channels * height * width) {
    throw new RangeError(`a picture of ${channels} x ${height} x ${width} has ${bytes.length} bytes`);
  }
  const factor = Math.max(1, Math.floor(side / Math.max(height, width)));
  const png = new PNG({ width: width * factor, height: height * factor });
  for (let y = 0; y < png.height; y++) {
    for (let x = 0; x < png.width; x++) {
      const from = Math.floor(y / factor) * width + Math.floor(x / factor);
      const to = 4 * (y * png.width + x);
      for (let c = 0; c < 3; c++) png.data[to + c] = bytes[(channels === 3 ? c : 0) * height * width + from];
      png.data[to + 3] = 255;
    }
  }
  return PNG.sync.write(png, { colorType: channels === 3 ? 2 : 0 }).toString('base64');
}
