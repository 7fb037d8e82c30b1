/** Numbers, times and plurals as people of one language write them. */

export interface PlainForms {
  /** "#" stands for the number. */
  readonly one: string;
  readonly other: string;
}

export interface PageFormat {
  count(value: number): string;
  /** Three significant digits; "–" for what is not known. */
  number(value: number): string;
  /** A share 0..1 as "42 %" or, below 10 %, "4.2 %", its blank one that no line breaks at; "–" for what is not known. */
  share(value: number): string;
  /** "0:07", "12:40", "1:02:03". */
  duration(seconds: number): string;
  bytes(value: number): string;
  moment(time: string): string;
  /** Time of day to the second, of milliseconds since 1970. */
  clock(time: number): string;
  /** The number that a text begins with, written as by `count`, `number` or `share`; NaN where it begins with none. */
  value(text: string): number;
  plural(value: number, forms: PlainForms): string;
  list(items: readonly string[]): string;
}

const made = new Map<string, PageFormat>();

/** The one format of a locale; catalogues come in several files that share it. */
export function pageFormat(locale: string): PageFormat {
  const before = made.get(locale);
  if (before !== undefined) return before;
  const format = makeFormat(locale);
  made.set(locale, format);
  return format;
}

/** Made when it is first used: each costs the runtime some milliseconds, and few are needed for the first view. */
function onUse<T>(make: () => T): () => T {
  let kept: T | undefined;
  return () => (kept ??= make());
}

function makeFormat(locale: string): PageFormat {
  const whole = onUse(() => new Intl.NumberFormat(locale, { maximumFractionDigits: 0 }));
  const short = onUse(() => new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 }));
  const tenth = onUse(() => new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 }));
  const when = onUse(() => new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' }));
  const clock = onUse(() => new Intl.DateTimeFormat(locale, { timeStyle: 'medium' }));
  const marks = onUse(() => {
    const parts = new Intl.NumberFormat(locale).formatToParts(-12345.6);
    const of = (type: string): string => parts.find((part) => part.type === type)?.value ?? '';
    return { group: of('group'), decimal: of('decimal'), minus: of('minusSign') };
  });
  const rules = onUse(() => new Intl.PluralRules(locale));
  const lists = onUse(() => new Intl.ListFormat(locale, { type: 'conjunction' }));
  const count = (value: number): string => whole().format(value);
  const number = (value: number): string => {
    if (!Number.isFinite(value)) return '–';
    return Number.isInteger(value) ? whole().format(value) : short().format(value);
  };
  return {
    count,
    number,
    share(value) {
      if (!Number.isFinite(value)) return '–';
      const percent = value * 100;
      return `${percent !== 0 && Math.abs(percent) < 10 ? tenth().format(percent) : whole().format(percent)}\u00A0%`;
    },
    duration(seconds) {
      const all = Math.max(0, Math.round(seconds));
      const parts = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
      const shown = parts[0] === 0 ? parts.slice(1) : parts;
      return shown.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
    },
    bytes(value) {
      const units = ['B', 'kB', 'MB', 'GB', 'TB'];
      let scaled = value;
      let unit = 0;
      while (scaled >= 999.5 && unit < units.length - 1) {
        scaled /= 1000;
        unit += 1;
      }
      return `${unit === 0 ? whole().format(scaled) : number(scaled)} ${units[unit] ?? ''}`;
    },
    moment(time) {
      const date = new Date(time);
      return Number.isNaN(date.getTime()) ? time : when().format(date);
    },
    clock: (time) => clock().format(time),
    value(text) {
      const { group, decimal, minus } = marks();
      const plain = text.replaceAll(group, '').replace(decimal, '.').replace(minus, '-');
      return Number(/^#?(-?\d+(?:\.\d+)?)/.exec(plain)?.[1] ?? NaN);
    },
    plural: (value, { one, other }) => (rules().select(value) === 'one' ? one : other).replace('#', count(value)),
    list: (items) => lists().format(items),
  };
}
