/** Colour roles as a canvas needs them. */
export type ColourBy = 'standing' | 'class';

/** Reads a colour role resolved for the current theme. */
export function resolveColour(element: Element, role: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(--${role})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
