/** Draws the sifting scatter on a canvas: circles for samples, rings for the pool, squares for what was refused, triangles for suspects. */
import type { SampleTable } from '../../src-shared/contract.ts';
import { standingOf, type ScatterLayout, type Standing } from './scatter.ts';

export type ColourBy = 'standing' | 'class';

export interface ScatterLook {
  readonly colourBy: ColourBy;
  /** Class that is brought forward; null = all alike. */
  readonly onlyClass: number | null;
  readonly selected: number | null;
  /** Colour number per class, null = other. */
  readonly classColours: readonly (number | null)[];
}

/** Reads a colour role as the canvas needs it: resolved for the current theme. */
export function resolveColour(element: Element, role: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(--${role})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

const standingRoles: Readonly<Record<Standing, string>> = {
  open: 'class-other',
  refused: 'inconclusive',
  admitted: 'class-other',
  pool: 'class-1',
  seed: 'trusted',
  suspect: 'suspicious',
};
/** What is drawn later lies on top. */
const order: readonly Standing[] = ['open', 'admitted', 'refused', 'pool', 'seed', 'suspect'];

export function drawScatter(
  canvas: HTMLCanvasElement,
  table: SampleTable,
  layout: ScatterLayout,
  look: ScatterLook,
  width: number,
  height: number,
): void {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext('2d');
  if (context === null || canvas.parentElement === null) return;
  const parent = canvas.parentElement;
  context.scale(ratio, ratio);
  const rows = table.columns.label.length;
  const radius = rows > 20_000 ? 1.25 : rows > 5_000 ? 1.75 : 2.5;

  const groups = new Map<string, { standing: Standing; role: string; faded: boolean; rows: number[] }>();
  for (let row = 0; row < rows; row++) {
    if (!Number.isFinite(layout.x[row]) || !Number.isFinite(layout.y[row])) continue;
    const standing = standingOf(table, row);
    const label = table.columns.label[row] ?? 0;
    const colour = look.classColours[label] ?? null;
    const role =
      look.colourBy === 'standing' ? standingRoles[standing] : colour === null ? 'class-other' : `class-${colour + 1}`;
    const faded = look.onlyClass !== null && look.onlyClass !== label;
    const key = `${standing} ${role} ${faded}`;
    const group = groups.get(key) ?? { standing, role, faded, rows: [] };
    group.rows.push(row);
    groups.set(key, group);
  }
  const drawn = [...groups.values()].sort(
    (a, b) => Number(b.faded) - Number(a.faded) || order.indexOf(a.standing) - order.indexOf(b.standing),
  );
  const background = resolveColour(parent, 'raised');
  for (const group of drawn) {
    context.globalAlpha = group.faded ? 0.12 : group.standing === 'open' || group.standing === 'admitted' ? 0.6 : 1;
    context.beginPath();
    for (const row of group.rows) mark(context, group.standing, layout.x[row] ?? 0, layout.y[row] ?? 0, radius);
    const colour = resolveColour(parent, group.role);
    if (group.standing === 'pool') {
      context.lineWidth = 1.25;
      context.strokeStyle = colour;
      context.stroke();
    } else {
      context.fillStyle = colour;
      context.fill();
      if (group.standing === 'suspect' || group.standing === 'seed') {
        context.lineWidth = 0.75;
        context.strokeStyle = background;
        context.stroke();
      }
    }
  }
  context.globalAlpha = 1;
  if (look.selected !== null) {
    context.beginPath();
    context.arc(layout.x[look.selected] ?? 0, layout.y[look.selected] ?? 0, radius + 5, 0, 2 * Math.PI);
    context.lineWidth = 2;
    context.strokeStyle = resolveColour(parent, 'text');
    context.stroke();
  }
}

function mark(context: CanvasRenderingContext2D, standing: Standing, x: number, y: number, radius: number): void {
  if (standing === 'suspect') {
    const size = radius * 1.7;
    context.moveTo(x, y - size);
    context.lineTo(x + size, y + size * 0.8);
    context.lineTo(x - size, y + size * 0.8);
    context.closePath();
    return;
  }
  if (standing === 'refused') {
    context.rect(x - radius * 0.8, y - radius * 0.8, radius * 1.6, radius * 1.6);
    return;
  }
  const size = standing === 'seed' ? radius * 1.3 : standing === 'pool' ? radius : radius * 0.8;
  context.moveTo(x + size, y);
  context.arc(x, y, size, 0, 2 * Math.PI);
}
